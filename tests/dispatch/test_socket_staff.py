"""The staff's live map."""

from __future__ import annotations

from datetime import datetime

import pytest

from accounts.models import User
from common import clock
from dispatch import locations
from dispatch.consumers.base import in_database
from dispatch.policy import Fix
from tests.dispatch.socket_client import Client
from tests.dispatch.stories import GANGNAM, YEOKSAM, accepted, opened

pytestmark = pytest.mark.django_db(transaction=True)

MAP = "/ws/staff/map/"


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dispatch.consumers.staff.StaffMapConsumer.tick_s", 0.1)


async def test_staff_see_who_is_where_and_what_waits(
    alice: User, bob: User, dana: User, now: datetime
) -> None:
    underway = await in_database(accepted, alice, bob, now=now)
    waiting = await in_database(opened, alice, now=now)
    await locations.remember(bob.pk, [Fix(YEOKSAM.lat, YEOKSAM.lng, 5.0, clock.now())])
    async with Client(MAP, user=dana) as client:
        await client.hear("hello")
        seen = await client.hear("snapshot")
    (runner,) = seen["runners"]
    assert (runner["id"], runner["busy"]) == (str(bob.pk), True)
    assert (runner["lat"], runner["lng"]) == pytest.approx(YEOKSAM, abs=1e-4)
    errands = {errand["id"]: errand for errand in seen["errands"]}
    assert errands[str(underway.pk)]["runner_id"] == str(bob.pk)
    assert errands[str(waiting.pk)]["state"] == "open"
    assert errands[str(waiting.pk)]["pickup"] == GANGNAM._asdict()
    assert seen["counts"] == {"runners": 1, "busy": 1, "assigned": 1, "open": 1}


async def test_the_picture_comes_again_and_again(dana: User) -> None:
    async with Client(MAP, user=dana) as client:
        await client.hear("hello")
        first = await client.hear("snapshot")
        assert (await client.hear("snapshot"))["at"] > first["at"]


async def test_who_leaves_the_staff_sees_no_more(dana: User) -> None:
    async with Client(MAP, user=dana) as client:
        await client.hear("hello")
        await in_database(User.objects.filter(pk=dana.pk).update, is_staff=False)
        assert await client.ending() == 4403
    assert client.heard[-1]["code"] == "not_staff"


async def test_the_map_understands_only_ping(dana: User) -> None:
    async with Client(MAP, user=dana) as client:
        await client.say("resume", after=1)
        while (heard := await client.hear("hello", "snapshot", "error"))["type"] != "error":
            pass
        assert (heard["code"], heard["for"]) == ("unknown_type", "resume")
