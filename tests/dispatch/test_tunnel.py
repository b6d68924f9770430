"""A phone that was offline with an errand: nothing is missing, nothing is doubled, nobody jumps."""

from __future__ import annotations

from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest

from accounts.models import User
from common import clock
from common.db import in_database
from common.geo import Point, metres_between
from dispatch.models import TrailPoint
from errands.models import Errand
from tests.dispatch.socket_client import Client
from tests.dispatch.stories import GANGNAM, accepted

pytestmark = pytest.mark.django_db(transaction=True)

RUNNER = "/ws/runner/"
EVERY_S, BUFFERED = 3, 30
STEP_M = 4.0  # in three seconds; a person at 1.33 m/s


@pytest.fixture
def errand(alice: User, bob: User, now: datetime) -> Errand:
    return accepted(alice, bob, now=now - timedelta(minutes=5))


def readings(first: int, last: int) -> list[dict[str, Any]]:
    """A walk north, one reading every three seconds; number BUFFERED is now."""
    start = clock.now() - timedelta(seconds=EVERY_S * BUFFERED)
    return [
        {
            "lat": round(GANGNAM.lat + number * STEP_M / 111_195, 7),
            "lng": GANGNAM.lng,
            "accuracy": 6.0,
            "recorded_at": (start + timedelta(seconds=EVERY_S * number)).isoformat(),
        }
        for number in range(first, last + 1)
    ]


def trail(errand: Errand) -> list[float]:
    """In the order of writing, which is the order of their keys."""
    points = TrailPoint.objects.filter(errand=errand).order_by("pk")
    return list(points.values_list("lat", flat=True))


def line(client: Client) -> list[Point]:
    """What a map draws of everything that was heard."""
    positions = [message for message in client.heard if message["type"] == "position"]
    return [
        Point(*place)
        for message in positions
        for place in message.get("path", [[message["lat"], message["lng"]]])
    ]


async def test_ninety_seconds_offline_leave_no_hole_and_no_jump(
    alice: User, bob: User, errand: Errand
) -> None:
    before, buffered = readings(0, 0), readings(1, BUFFERED)
    async with Client(f"/ws/errands/{errand.pk}/", user=alice) as requester:
        await requester.hear("hello")
        assert await requester.is_well()  # and has heard all that comes with the hello
        async with Client(RUNNER, user=bob) as phone:
            await phone.hear("hello")
            await phone.ask("positions", "positions.ack", points=before)
            assert "path" not in await requester.hear("position")
        async with Client(RUNNER, user=bob) as phone:
            await phone.hear("hello")
            await phone.say("positions", points=buffered)  # the answer never reaches the phone
            seen = await requester.hear("position")
        async with Client(RUNNER, user=bob) as phone:
            await phone.hear("hello")
            again = await phone.ask("positions", "positions.ack", points=buffered)
            assert (again["kept"], sum(again["refused"].values())) == (0, BUFFERED)
        assert await requester.is_well()
    assert (seen["lat"], len(seen["path"])) == (buffered[-1]["lat"], BUFFERED)
    walked = [point["lat"] for point in before + buffered]
    assert await in_database(trail, errand) == walked
    assert [place.lat for place in line(requester)] == walked
    assert max(metres_between(a, b) for a, b in pairwise(line(requester))) < 1.5 * STEP_M


async def test_the_way_before_the_errand_is_not_shown(
    alice: User, bob: User, errand: Errand
) -> None:
    def accept_just_now() -> None:
        Errand.objects.filter(pk=errand.pk).update(accepted_at=clock.now())

    await in_database(accept_just_now)
    async with (
        Client(f"/ws/errands/{errand.pk}/", user=alice) as requester,
        Client(RUNNER, user=bob) as phone,
    ):
        await requester.hear("hello")
        assert await requester.is_well()  # and has heard all that comes with the hello
        await phone.hear("hello")
        answer = await phone.ask("positions", "positions.ack", points=readings(0, BUFFERED))
        assert answer["kept"] == BUFFERED + 1
        path = (await requester.hear("position"))["path"]
    assert len(path) <= 30 // EVERY_S + 1  # as far as clocks may differ
    assert len(path) == len(await in_database(trail, errand))
