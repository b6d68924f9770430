"""Reports over sockets: what is remembered for the next one, and when it may not be."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
import pytest_asyncio
from django.db import OperationalError
from rest_framework.test import APIClient

from accounts.models import RunnerProfile, User
from accounts.services import duty_end
from common import clock
from common.db import in_database
from common.redis import client as redis_client
from dispatch import locations
from dispatch.consumers.numbered import NumberedConsumer
from dispatch.models import TrailPoint
from dispatch.services import reports, trails
from errands.models import Errand
from tests.conftest import make_runner
from tests.dispatch.socket_client import Client
from tests.dispatch.stories import GANGNAM, accepted, opened

pytestmark = pytest.mark.django_db(transaction=True)

RUNNER = "/ws/runner/"
REST = "/api/v1/duty/positions"
PATIENCE_S = 10


def reading(ago_s: float, **changes: Any) -> dict[str, Any]:
    at = (clock.now() - timedelta(seconds=ago_s)).isoformat()
    return {**GANGNAM._asdict(), "accuracy": 6.0, "recorded_at": at, **changes}


async def say(phone: Client, *points: dict[str, Any]) -> tuple[int, dict[str, int]]:
    """Report, and return what was kept and what was refused."""
    answer = await phone.ask("positions", "positions.ack", points=list(points))
    return answer["kept"], answer["refused"]


@pytest_asyncio.fixture
async def phone(bob: User) -> AsyncIterator[Client]:
    async with Client(RUNNER, user=bob) as opened_phone:
        await opened_phone.hear("hello")
        yield opened_phone


@pytest.fixture
def errand(alice: User, bob: User, now: datetime) -> Errand:
    return accepted(alice, bob, now=now - timedelta(minutes=5))


def trail(errand: Errand) -> int:
    return TrailPoint.objects.filter(errand=errand).count()


def asked_of_redis(command: str) -> int:
    stats: Any = redis_client().info("commandstats")
    return int(stats.get(f"cmdstat_{command}", {}).get("calls", 0))


# --- Remembered --------------------------------------------------------------------------
@pytest.mark.parametrize("carries", [False, True])
async def test_a_steady_stream_reads_nothing(
    alice: User, bob: User, now: datetime, monkeypatch: pytest.MonkeyPatch, carries: bool
) -> None:
    if carries:
        await in_database(accepted, alice, bob, now=now)
    async with Client(RUNNER, user=bob) as phone:
        await phone.hear("hello")
        assert (await say(phone, reading(20)))[0] == 1
        monkeypatch.setattr(reports, "look_up", None)
        before = asked_of_redis("hmget")
        for ago_s in range(10, 0, -1):
            assert (await say(phone, reading(ago_s)))[0] == 1
        assert asked_of_redis("hmget") == before


async def test_what_many_report_at_once_is_stored_at_once(bob: User, phone: Client) -> None:
    people = [await in_database(make_runner, f"runner{number}") for number in range(5)]
    phones = [await Client(RUNNER, user=person).__aenter__() for person in people]
    for each in phones:
        await each.hear("hello")
        await say(each, reading(20))
    before = asked_of_redis("geoadd")
    await asyncio.gather(*(say(each, reading(10)) for each in phones))
    assert asked_of_redis("geoadd") - before < len(phones)
    assert set(await in_database(locations.everyone)) == {person.pk for person in people}
    for each in phones:
        await each.__aexit__(None, None, None)


async def test_news_of_an_errand_reach_the_next_report(
    alice: User, bob: User, phone: Client, now: datetime
) -> None:
    assert (await say(phone, reading(20)))[0] == 1
    errand = await in_database(accepted, alice, bob, now=now)
    await phone.hear("errand.changed")
    assert (await say(phone, reading(10)))[0] == 1
    assert await in_database(trail, errand) == 1


async def test_a_duty_ended_by_others_ends_the_reports(bob: User, phone: Client) -> None:
    assert (await say(phone, reading(20)))[0] == 1
    await in_database(duty_end, user=bob, now=clock.now())
    await phone.hear("duty.changed")
    assert await say(phone, reading(10)) == (0, {"off_duty": 1})
    assert await in_database(locations.everyone) == {}


async def test_a_change_whose_news_was_lost_is_noticed_at_the_next_look(
    bob: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    def leave() -> None:
        RunnerProfile.objects.filter(user=bob).update(on_duty=False)
        redis_client().delete(f"dispatch:runner:{bob.pk.hex}:occupation")

    monkeypatch.setattr("dispatch.consumers.runner.RunnerConsumer.tick_s", 0.1)
    async with Client(RUNNER, user=bob) as phone:
        await phone.hear("hello")
        assert (await say(phone, reading(20)))[0] == 1
        await in_database(leave)
        for _look in range(100):
            if (await say(phone, reading(20)))[1] == {"off_duty": 1}:
                return
            await asyncio.sleep(0.1)
    pytest.fail("the next look did not notice")


# --- Somebody else reports ---------------------------------------------------------------
async def test_reports_over_rest_and_socket_are_one_way(
    bob: User, phone: Client, api: Callable[[User | None], APIClient]
) -> None:
    def rest(*points: dict[str, Any]) -> tuple[int, dict[str, int]]:
        answer = api(bob).post(REST, {"points": points}, format="json").json()
        return answer["kept"], answer["refused"]

    assert await say(phone, reading(60)) == (1, {})
    assert await in_database(rest, reading(50)) == (1, {})
    assert await say(phone, reading(55)) == (0, {"out_of_order": 1})
    assert await say(phone, reading(40)) == (1, {})
    assert await in_database(rest, reading(45)) == (0, {"out_of_order": 1})
    assert await in_database(rest, reading(30)) == (1, {})
    assert await say(phone, reading(30)) in ((0, {"duplicate": 1}), (0, {"out_of_order": 1}))
    assert await say(phone, reading(20, lat=GANGNAM.lat + 0.01)) == (0, {"too_fast": 1})


async def test_two_phones_of_one_runner_are_one_way(bob: User, phone: Client) -> None:
    async with Client(RUNNER, user=bob) as other:
        await other.hear("hello")
        assert await say(phone, reading(60)) == (1, {})
        assert await say(other, reading(50)) == (1, {})
        assert await say(phone, reading(55)) == (0, {"out_of_order": 1})
        assert await say(phone, reading(40)) == (1, {})
        assert await say(other, reading(45)) == (0, {"out_of_order": 1})


# --- Failures ----------------------------------------------------------------------------
def break_redis() -> None:
    """Where the last reports are kept stands something else: Redis answers with an error."""
    redis_client().delete(locations.LAST)
    redis_client().set(locations.LAST, "broken")


async def test_a_batch_that_redis_refuses_is_acknowledged_to_nobody(
    bob: User, phone: Client
) -> None:
    carol = await in_database(make_runner, "carol")
    async with Client(RUNNER, user=carol) as other:
        await other.hear("hello")
        for each in (phone, other):
            assert (await say(each, reading(20)))[0] == 1
        break_redis()
        points = [reading(10)]
        answers = await asyncio.gather(
            *(each.ask("positions", "error", points=points, id="p") for each in (phone, other))
        )
        assert {(each["code"], each["for"], each["id"]) for each in answers} == {
            ("unavailable", "positions", "p")
        }
        redis_client().delete(locations.LAST)
        for each in (phone, other):
            assert await say(each, *points) == (1, {})
            assert await each.is_well()


async def test_a_trail_that_failed_is_written_when_the_batch_comes_again(
    alice: User, errand: Errand, phone: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    add = trails.trail_add

    def fail(_points: object) -> None:
        monkeypatch.setattr(trails, "trail_add", add)
        raise OperationalError("the database is gone")

    async with Client(f"/ws/errands/{errand.pk}/", user=alice) as requester:
        await requester.hear("hello")
        assert await requester.is_well()  # and has heard all that comes with the hello
        assert (await say(phone, reading(30)))[0] == 1
        points = [reading(20), reading(10)]
        monkeypatch.setattr(trails, "trail_add", fail)
        assert (await phone.ask("positions", "error", points=points))["code"] == "unavailable"
        assert await say(phone, *points) == (2, {})
        assert await in_database(trail, errand) == 3
        seen = [await requester.hear("position") for _ in range(2)]
        assert len(seen[1]["path"]) == 2
        assert await requester.is_well()  # and hears no way twice


async def test_a_trail_is_not_doubled_by_a_batch_that_only_redis_refused(
    errand: Errand, phone: Client
) -> None:
    assert (await say(phone, reading(30)))[0] == 1
    break_redis()
    points = [reading(20), reading(10)]
    assert (await phone.ask("positions", "error", points=points))["code"] == "unavailable"
    redis_client().delete(locations.LAST)
    assert await say(phone, *points) == (0, {"out_of_order": 1, "duplicate": 1})
    assert await in_database(trail, errand) == 3


async def test_nobody_is_looked_at_alone_who_is_level(
    alice: User, bob: User, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The roll call asks for all; only who is behind looks for itself."""
    errand = await in_database(opened, alice, now=now)
    calls, looks = asyncio.Semaphore(0), []
    for kind in ("watch.ErrandConsumer", "runner.RunnerConsumer"):
        name = f"dispatch.consumers.{kind}"
        monkeypatch.setattr(f"{name}.tick_s", 0.05)
        monkeypatch.setattr(f"{name}.checked", lambda socket: looks.append(socket))
    is_level = NumberedConsumer.is_level

    def counted(socket: NumberedConsumer, standing: object) -> bool:
        calls.release()
        return is_level(socket, standing)

    monkeypatch.setattr(NumberedConsumer, "is_level", counted)
    async with (
        Client(f"/ws/errands/{errand.pk}/", user=alice) as first,
        Client(f"/ws/errands/{errand.pk}/", user=alice) as second,
        Client(RUNNER, user=bob) as phone,
    ):
        for client in (first, second, phone):
            await client.hear("hello")
        async with asyncio.timeout(PATIENCE_S):
            for _ in range(6):
                await calls.acquire()
        assert await first.is_well()
    assert looks == []
