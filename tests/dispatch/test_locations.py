"""Live positions in a real Redis: near, fresh, forgotten, and healed after a loss."""

from __future__ import annotations

import asyncio
import datetime as dt
import uuid

import pytest
import redis
from asgiref.sync import async_to_sync
from pytest_django import Settings

from common import redis as connections
from common.errors import Unavailable
from common.geo import Point
from common.redis import client
from dispatch import locations
from dispatch.policy import Fix

CITY_HALL = Point(37.5663, 126.9779)
BOB, CHARLIE, EVE = (uuid.UUID(int=n) for n in (1, 2, 3))


def north(metres: float) -> Point:
    return Point(CITY_HALL.lat + metres / 111_195, CITY_HALL.lng)


def fix(metres: float, now: dt.datetime, *, ago_s: float = 0) -> Fix:
    lat, lng = north(metres)
    return Fix(lat, lng, 5.0, now - dt.timedelta(seconds=ago_s), heading=90.0)


def put(person: uuid.UUID, now: dt.datetime, *, ago_s: float) -> None:
    locations.place(person, CITY_HALL, now=now - dt.timedelta(seconds=ago_s))


def recalled() -> tuple[Fix | None, str | None]:
    return locations.recall_now(BOB, teller="test")[1:]


def is_at(point: Point, metres: float) -> bool:
    """Redis keeps positions to within a metre."""
    return point.lat == pytest.approx(north(metres).lat, abs=1e-5) and point.lng == pytest.approx(
        CITY_HALL.lng, abs=1e-5
    )


def test_a_box_around_places_with_a_margin(now: dt.datetime) -> None:
    for person, metres in ((BOB, -550), (CHARLIE, 1_550), (EVE, 1_700)):
        locations.place(person, north(metres), now=now)
    found = locations.around([north(0), north(1_000)], 600, now=now)
    assert set(found) == {BOB, CHARLIE}
    assert is_at(found[BOB], -550)


def test_who_is_under_way_is_found_farther_away_until_noted_otherwise(now: dt.datetime) -> None:
    for person, metres in ((BOB, 1_500), (CHARLIE, 1_500), (EVE, 2_200)):
        locations.place(person, north(metres), now=now)
    locations.note_under_way([BOB, EVE], now=now)
    assert set(locations.around([CITY_HALL], 600, ahead_m=1_500, now=now)) == {BOB}
    assert is_at(locations.around([CITY_HALL], 600, ahead_m=1_500, now=now)[BOB], 1_500)
    assert locations.around([CITY_HALL], 600, now=now) == {}
    locations.note_occupations({BOB: "idle"}, now=now)
    assert locations.around([CITY_HALL], 600, ahead_m=1_500, now=now) == {}
    assert list(client().keys("dispatch:search:*")) == []


def test_between_places_far_apart_nobody_is_looked_at(now: dt.datetime) -> None:
    for person, metres in ((BOB, 100), (CHARLIE, 5_000), (EVE, 10_100)):
        locations.place(person, north(metres), now=now)
    assert set(locations.around([north(0), north(10_000)], 200, now=now)) == {BOB, EVE}


def test_an_old_position_does_not_count(now: dt.datetime) -> None:
    put(BOB, now, ago_s=121)
    put(CHARLIE, now, ago_s=119)
    assert set(locations.around([CITY_HALL], 100, now=now)) == {CHARLIE}
    assert set(locations.positions_of([BOB, CHARLIE, EVE], now=now)) == {CHARLIE}
    assert set(locations.everyone(now=now)) == {CHARLIE}


def test_of_very_many_the_newest_are_shown(
    now: dt.datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(BOB, now, ago_s=30)
    put(CHARLIE, now, ago_s=10)
    monkeypatch.setattr(locations, "MOST_SHOWN", 1)
    assert set(locations.everyone(now=now)) == {CHARLIE}


def test_nobody_is_nowhere(now: dt.datetime) -> None:
    assert locations.around([CITY_HALL], 100) == {}
    assert locations.positions_of([]) == {}
    assert locations.everyone() == {}
    assert locations.last(BOB) is None


async def test_the_last_of_a_batch_is_remembered_exactly(now: dt.datetime) -> None:
    newest = fix(80, now)
    await locations.remember(BOB, [fix(0, now, ago_s=20), newest])
    assert recalled() == (newest, None)
    assert locations.last(BOB, now=now) == newest
    assert locations.last(BOB, now=now + dt.timedelta(seconds=121)) is None
    assert is_at(locations.positions_of([BOB], now=now)[BOB], 80)


async def test_the_start_of_a_duty_is_no_report(now: dt.datetime) -> None:
    locations.place(BOB, CITY_HALL, now=now)
    assert set(locations.everyone(now=now)) == {BOB}
    assert recalled() == (None, None)


async def test_an_occupation_is_noted_and_forgotten(now: dt.datetime) -> None:
    locations.note_occupations({BOB: "idle"}, now=now)
    assert recalled() == (None, "idle")
    assert 0 < int(client().ttl(f"dispatch:runner:{BOB.hex}:occupation")) <= 30
    locations.forget_occupation(BOB)
    assert recalled() == (None, None)


async def test_who_is_forgotten_leaves_nothing_behind(now: dt.datetime) -> None:
    await locations.remember(BOB, [fix(0, now)])
    locations.note_occupations({BOB: "carrying"}, under_way={BOB}, now=now)
    locations.forget(BOB)
    assert list(client().keys("dispatch:*")) == []


async def test_an_emptied_redis_heals_with_the_next_report(now: dt.datetime) -> None:
    await locations.remember(BOB, [fix(0, now)])
    client().flushdb()
    assert locations.everyone(now=now) == {}
    await locations.remember(BOB, [fix(10, now)])
    assert set(locations.everyone(now=now)) == {BOB}


def test_whoever_was_silent_for_an_hour_leaves_the_map(now: dt.datetime) -> None:
    put(BOB, now, ago_s=3_601)
    put(CHARLIE, now, ago_s=3_599)
    assert locations.forget_stale(now=now) == 1
    assert client().zrange(locations.WHERE, 0, -1) == [CHARLIE.hex]
    assert locations.forget_stale(now=now) == 0


def test_no_connection_outlives_its_event_loop(now: dt.datetime) -> None:
    async def report() -> asyncio.AbstractEventLoop:
        await locations.remember(BOB, [fix(0, now)])
        return asyncio.get_running_loop()

    first, second = asyncio.run(report()), async_to_sync(report)()
    assert first is not second
    assert connections._shared == {}


@pytest.fixture
def unreachable(monkeypatch: pytest.MonkeyPatch, settings: Settings) -> None:
    """A port that nobody listens on."""
    address = "redis://127.0.0.1:1/0"
    monkeypatch.setattr(locations, "client", lambda: redis.Redis.from_url(address))
    settings.REDIS_URL = address


@pytest.mark.usefixtures("unreachable")
def test_a_lost_redis_is_said_plainly(now: dt.datetime) -> None:
    with pytest.raises(Unavailable):
        locations.around([CITY_HALL], 100)
    with pytest.raises(Unavailable):
        locations.place(BOB, north(0), now=now)
    with pytest.raises(Unavailable):
        asyncio.run(locations.remember(BOB, [fix(0, now)]))
