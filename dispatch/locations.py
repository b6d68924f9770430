"""Where runners are now: the one place that touches live positions in Redis.

Nothing here is needed to recover: an empty Redis fills again with the next reports. Every
function raises ``Unavailable`` when Redis does not answer in time.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID, uuid4

import msgspec
from django.conf import settings
from redis.exceptions import RedisError

from common import clock
from common.errors import Unavailable
from common.geo import METRES_PER_DEGREE, Point
from common.redis import client, shared_client
from common.together import PerLoop, Together
from dispatch.policy import OLDEST, Fix

WHERE = "dispatch:where"  # GEO: runner → position
WHEN = "dispatch:when"  # sorted set: runner → epoch seconds of that position
LAST = "dispatch:last"  # hash: runner → the last report in full
UNDER_WAY = "dispatch:under-way"  # sorted set: runner → epoch seconds when that was noted
OCCUPATION_S = 30
STALE_AFTER = timedelta(hours=1)
MOST_SHOWN = 5_000
MOST_STORED = 1_000  # at once; Redis does nothing else meanwhile
LINGER_S = 0.003  # until what was reported is stored; no phone notices

Stored = tuple[UUID, Fix, str | None]  # runner, position, who tells others; see `remember`


class Recalled(NamedTuple):
    """What Redis knows of a runner, as far as reports need it."""

    runner_id: UUID
    last: Fix | None
    occupation: str | None


_to_json = msgspec.json.Encoder().encode
_from_json = msgspec.json.Decoder(Fix).decode


@contextmanager
def _asking() -> Iterator[None]:
    try:
        yield
    except RedisError as error:
        raise Unavailable from error


def _occupation_key(runner_id: UUID) -> str:
    return f"dispatch:runner:{runner_id.hex}:occupation"


def news_topic(runner_id: UUID) -> str:
    """Where it is published that what was recalled about a runner may not hold any more.

    The message names who did it, so that it can pass over its own.
    """
    return f"dispatch:runner:{runner_id.hex}:news"


# --- Writing -----------------------------------------------------------------------------


async def remember(runner_id: UUID, fixes: Sequence[Fix], *, teller: str | None = None) -> None:
    """Store where the runner is: the last of ``fixes``, which were kept by the policy.

    Done at once with what others report in the same moment. With a ``teller`` whoever remembers
    something else about the runner hears that it is over.
    """
    await _together().do((runner_id, fixes[-1], teller))


def remembered(runner_id: UUID, fix: Fix) -> asyncio.Future[None]:
    """Do what :func:`remember` does; the future is done when it is."""
    return _together().do((runner_id, fix, None))


async def _store(batch: Sequence[Stored]) -> list[None]:
    with _asking():
        pipe = (await shared_client()).pipeline(transaction=False)
        _queue(pipe, batch)
        await pipe.execute()
    return [None] * len(batch)


_together: PerLoop[Together[Stored, None]] = PerLoop(
    lambda: Together(_store, most=MOST_STORED, linger_s=LINGER_S)
)


def remember_now(runner_id: UUID, fix: Fix, *, teller: str) -> None:
    """Do what :func:`remember` does, where waiting is allowed."""
    with _asking():
        pipe = client().pipeline(transaction=False)
        _queue(pipe, [(runner_id, fix, teller)])
        pipe.execute()


def _queue(pipe: Any, batch: Sequence[Stored]) -> None:
    """One command of each kind, however many there are."""
    where: list[float | str] = []
    when: dict[str, float] = {}
    last: dict[str, bytes] = {}
    for runner_id, fix, _teller in batch:
        member = runner_id.hex
        where += (fix.lng, fix.lat, member)
        when[member] = fix.recorded_at.timestamp()
        last[member] = _to_json(fix)
    pipe.geoadd(WHERE, where)
    pipe.zadd(WHEN, when)
    pipe.hset(LAST, mapping=last)
    for runner_id, _, teller in batch:
        if teller is not None:
            pipe.publish(news_topic(runner_id), teller)


def place(runner_id: UUID, point: Point, *, now: datetime) -> None:
    """Put a runner on the map at the start of a duty.

    Not the first of the reports: the server's clock, or a place chosen by hand, must not make
    the phone's own points look late or impossibly fast.
    """
    with _asking():
        pipe = client().pipeline(transaction=False)
        pipe.geoadd(WHERE, (point.lng, point.lat, runner_id.hex))
        pipe.zadd(WHEN, {runner_id.hex: now.timestamp()})
        pipe.execute()


def forget(runner_id: UUID) -> None:
    """Remove every trace of a runner's position."""
    with _asking():
        pipe = client().pipeline(transaction=False)
        pipe.zrem(WHERE, runner_id.hex)
        pipe.zrem(WHEN, runner_id.hex)
        pipe.zrem(UNDER_WAY, runner_id.hex)
        pipe.hdel(LAST, runner_id.hex)
        pipe.delete(_occupation_key(runner_id))
        pipe.publish(news_topic(runner_id), "")
        pipe.execute()


def forget_stale(*, now: datetime) -> int:
    """Take runners off the map who have not reported for an hour; return how many.

    The last report itself is kept while a point older than that may still come.
    """
    with _asking():
        silent: list[Any] = _reported_until(now - STALE_AFTER)
        gone = int(client().zrem(WHERE, *silent)) if silent else 0
        if silent:
            client().zrem(UNDER_WAY, *silent)
        if old := _reported_until(now - OLDEST):
            client().hdel(LAST, *old)
            client().zrem(WHEN, *old)
        return gone


def _reported_until(moment: datetime) -> list[Any]:
    found: list[Any] = client().zrangebyscore(WHEN, "-inf", moment.timestamp())
    return found


# --- Reading -----------------------------------------------------------------------------


def around(
    points: Sequence[Point], reach_m: float, *, ahead_m: float = 0.0, now: datetime | None = None
) -> dict[UUID, Point]:
    """Return who is within ``reach_m`` of one of ``points``, and who under way within ``ahead_m``
    more: see :func:`note_under_way`.

    Boxes are searched, not circles, so there are some from a little farther.
    """
    with _asking():
        pipe = client().pipeline()
        for some in _together_or_apart(points, reach_m):
            pipe.geosearch(WHERE, **_box(some, reach_m), withcoord=True)
        if ahead_m:
            _search_under_way(pipe, _box(points, reach_m + ahead_m))
        rows = {row[0]: row[1] for found in pipe.execute() if type(found) is list for row in found}
        fresh = _fresh(list(rows), now)
    return {UUID(m): Point(lat, lng) for m, (lng, lat) in rows.items() if m in fresh}


def _search_under_way(pipe: Any, box: Mapping[str, Any]) -> None:
    """Those in the box among those under way; Redis has no search that takes both."""
    aside = f"dispatch:search:{uuid4().hex}"
    pipe.geosearchstore(aside, WHERE, **box)
    # A weight of 1 keeps the score that holds the place.
    pipe.zinterstore(aside, {aside: 1, UNDER_WAY: 0})
    pipe.geosearch(aside, **box, withcoord=True)
    pipe.delete(aside)


def _together_or_apart(points: Sequence[Point], reach_m: float) -> list[Sequence[Point]]:
    """Search one box for each, unless one for all is smaller."""
    all_of_them, one = (_box(some, reach_m) for some in (points, points[:1]))
    apart = len(points) * one["width"] * one["height"]
    if apart < all_of_them["width"] * all_of_them["height"]:
        return [[point] for point in points]
    return [points]


def _box(points: Iterable[Point], margin_m: float) -> dict[str, Any]:
    lats, lngs = zip(*points, strict=True)
    # Degrees of longitude are shorter than of latitude, so this box is rather too wide.
    height, width = (
        (max(side) - min(side)) * METRES_PER_DEGREE + 2 * margin_m for side in (lats, lngs)
    )
    return {
        "latitude": (min(lats) + max(lats)) / 2, "longitude": (min(lngs) + max(lngs)) / 2,
        "height": height, "width": width, "unit": "m",
    }  # fmt: skip


def positions_of(ids: Iterable[UUID], *, now: datetime | None = None) -> dict[UUID, Point]:
    """Return the fresh positions among ``ids``."""
    members = [runner_id.hex for runner_id in ids]
    if not members:
        return {}
    with _asking():
        places = client().geopos(WHERE, *members)
        fresh = _fresh(members, now)
    return {
        UUID(member): Point(at[1], at[0])
        for member, at in zip(members, places, strict=True)
        if at and member in fresh
    }


def everyone(*, now: datetime | None = None) -> dict[UUID, Point]:
    """Return the fresh positions, for the staff's map; of very many the newest."""
    with _asking():
        members = client().zrevrangebyscore(WHEN, "+inf", _oldest(now), start=0, num=MOST_SHOWN)
    return positions_of((UUID(str(member)) for member in members), now=now)


def last(runner_id: UUID, *, now: datetime | None = None) -> Fix | None:
    """Return the last reported position in full, if it is fresh."""
    with _asking():
        fix = _read(client().hget(LAST, runner_id.hex))
    return fix if fix and fix.recorded_at.timestamp() >= _oldest(now) else None


def _oldest(now: datetime | None) -> float:
    return (now or clock.now()).timestamp() - settings.POSITION_FRESH_S


def _fresh(members: Sequence[str], now: datetime | None) -> set[str]:
    if not members:
        return set()
    oldest = _oldest(now)
    times: list[Any] = client().zmscore(WHEN, list(members))
    return {m for m, at in zip(members, times, strict=True) if at is not None and at >= oldest}


# --- What taking in a report needs to know, for many in one round trip ---------------------


async def recall(asked: Sequence[tuple[UUID, str]]) -> list[Recalled]:
    """Return the last position and the occupation noted with :func:`note_occupations` of each.

    ``asked`` are runners and who asks: others who remember something hear that it is over.
    """
    with _asking():
        pipe = (await shared_client()).pipeline(transaction=False)
        _queue_recall(pipe, asked)
        replies = await pipe.execute()
    return _recalled(asked, replies)


def recall_now(runner_id: UUID, *, teller: str) -> Recalled:
    """Do what :func:`recall` does for one, where waiting is allowed."""
    with _asking():
        pipe = client().pipeline(transaction=False)
        _queue_recall(pipe, [(runner_id, teller)])
        replies = pipe.execute()
    return _recalled([(runner_id, teller)], replies)[0]


def _queue_recall(pipe: Any, asked: Sequence[tuple[UUID, str]]) -> None:
    pipe.hmget(LAST, [runner_id.hex for runner_id, _teller in asked])
    pipe.mget([_occupation_key(runner_id) for runner_id, _teller in asked])
    for runner_id, teller in asked:
        pipe.publish(news_topic(runner_id), teller)


def _recalled(asked: Sequence[tuple[UUID, str]], replies: Sequence[Any]) -> list[Recalled]:
    return [
        Recalled(runner_id, _read(last), occupation)
        for (runner_id, _teller), last, occupation in zip(asked, *replies[:2], strict=True)
    ]


def note_occupations(
    occupations: Mapping[UUID, str], *, under_way: Collection[UUID] = (), now: datetime
) -> None:
    """Note for half a minute what runners are doing, so that reports need no database; and which
    of them are under way."""
    with _asking():
        pipe = client().pipeline(transaction=False)
        for runner_id, occupation in occupations.items():
            pipe.set(_occupation_key(runner_id), occupation, ex=OCCUPATION_S)
        _queue_under_way(pipe, under_way, now)
        if standing := [each.hex for each in occupations if each not in under_way]:
            pipe.zrem(UNDER_WAY, *standing)
        pipe.execute()


def note_under_way(ids: Collection[UUID], *, now: datetime) -> None:
    """Note that these runners have somewhere to go, until something else is noted.

    A hint, which has searches look for them farther away: it may come late, and when Redis was
    emptied it is gone until the runner is looked up again.
    """
    with _asking():
        _queue_under_way(client(), ids, now)


def _queue_under_way(pipe: Any, ids: Collection[UUID], now: datetime) -> None:
    if ids:
        pipe.zadd(UNDER_WAY, {runner_id.hex: now.timestamp() for runner_id in ids})


def forget_occupation(runner_id: UUID) -> None:
    """Have the next report look it up again."""
    with _asking():
        pipe = client().pipeline(transaction=False)
        pipe.delete(_occupation_key(runner_id))
        pipe.publish(news_topic(runner_id), "")
        pipe.execute()


def _read(stored: Any) -> Fix | None:
    return None if stored is None else _from_json(stored)
