"""A runner's phone: duty, positions, offers, and coming back after a tunnel."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from asgiref.sync import sync_to_async
from django.db.models import QuerySet

from accounts.models import User
from accounts.services import duty_end
from common import clock
from dispatch import live, locations
from dispatch.consumers.base import in_database
from dispatch.models import Offer, OfferState, RunnerMessage, RunnerStream
from dispatch.protocol import MAX_GAP
from dispatch.services import duty_on, match_area, message_send, offers_withdraw
from errands import services
from errands.models import Errand
from errands.states import State
from tests.conftest import make_runner
from tests.dispatch.socket_client import Client
from tests.dispatch.stories import GANGNAM, accepted, opened

pytestmark = pytest.mark.django_db(transaction=True)

RUNNER = "/ws/runner/"
HERE = GANGNAM._asdict()


def reading(**changes: Any) -> dict[str, Any]:
    now = clock.now().isoformat()
    return {**HERE, "accuracy": 6.0, "recorded_at": now, **changes}


def offered(requester: User, runner: User, *, now: datetime) -> Errand:
    """An open errand that matching has offered to ``runner``, who stands at its pickup."""
    duty_on(user=runner, position=GANGNAM, now=now)
    errand = opened(requester, now=now)
    assert match_area(area=errand.area, now=now) == 1
    return errand


def told(user: User, count: int) -> None:
    for number in range(count):
        message_send(runner_id=user.pk, kind="duty.changed", payload={"on_duty": number % 2 == 0})


def count(rows: QuerySet[Any]) -> Callable[[], int]:
    return rows.count


async def sequences(client: Client, number: int, *types: str) -> list[int]:
    return [(await client.hear(*types))["sequence"] for _ in range(number)]


async def test_duty_begins_and_ends(bob: User) -> None:
    await in_database(duty_end, user=bob, now=clock.now())
    async with Client(RUNNER, user=bob) as client:
        assert (await client.hear("hello"))["on_duty"] is False
        await client.say("duty.start", position=HERE, id="d1")
        heard = [await client.hear("ack", "duty.changed") for _ in range(2)]
        assert {"type": "ack", "for": "duty.start", "id": "d1", "on_duty": True} in heard
        assert [m["on_duty"] for m in heard if m["type"] == "duty.changed"] == [True]
        assert bob.pk in await in_database(locations.everyone)
        await client.say("duty.end", id="d2")
        heard = [await client.hear("ack", "duty.changed") for _ in range(2)]
        assert {"type": "ack", "for": "duty.end", "id": "d2", "on_duty": False} in heard
        assert bob.pk not in await in_database(locations.everyone)


async def test_duty_can_not_end_with_full_hands(alice: User, bob: User, now: datetime) -> None:
    await in_database(accepted, alice, bob, now=now)
    async with Client(RUNNER, user=bob) as client:
        hello = await client.hear("hello")
        assert [errand["state"] for errand in hello["errands"]] == ["assigned"]
        refused = await client.ask("duty.end", "error", id="d")
        assert (refused["code"], refused["for"], refused["id"]) == (
            "still_carrying", "duty.end", "d",
        )  # fmt: skip


async def test_positions_are_kept_or_refused_with_the_reason(bob: User) -> None:
    async with Client(RUNNER, user=bob) as client:
        await client.hear("hello")
        later = (clock.now() + timedelta(hours=1)).isoformat()
        points = [reading(), reading(accuracy=500), reading(lat=35.68, lng=139.69),
                  reading(recorded_at=later)]  # fmt: skip
        assert await client.ask("positions", "positions.ack", points=points, id="p") == {
            "type": "positions.ack",
            "kept": 1,
            "refused": {"inaccurate": 1, "outside_service_area": 1, "future": 1},
            "id": "p",
        }
    assert await in_database(locations.everyone) == {bob.pk: pytest.approx(GANGNAM, abs=1e-4)}


@pytest.mark.parametrize("minutes", [10, -10])
async def test_a_phone_with_a_wrong_clock_is_on_the_map(bob: User, minutes: int) -> None:
    def its_time(ago_s: float = 0) -> str:
        return (clock.now() + timedelta(minutes=minutes, seconds=-ago_s)).isoformat()

    async with Client(RUNNER, user=bob) as client:
        await client.hear("hello")
        for recorded_s_ago, sent_s_ago in ((30, 0), (20, 20)):  # the second was long on its way
            points = [reading(recorded_at=its_time(recorded_s_ago))]
            fields = {"points": points, "sent_at": its_time(sent_s_ago)}
            assert (await client.ask("positions", "positions.ack", **fields))["kept"] == 1
    assert await in_database(locations.everyone) == {bob.pk: pytest.approx(GANGNAM, abs=1e-4)}
    last = await in_database(locations.last, bob.pk)
    assert last is not None
    assert last.recorded_at < clock.now() - timedelta(seconds=20)


async def test_a_report_does_not_wait_for_what_others_do(bob: User) -> None:
    busy = threading.Event()
    async with Client(RUNNER, user=bob) as client:
        await client.hear("hello")
        others = asyncio.create_task(sync_to_async(busy.wait)())  # on the thread that all share
        try:
            answer = await client.ask("positions", "positions.ack", points=[reading()])
            assert answer["kept"] == 1
        finally:
            busy.set()
            await others


async def test_positions_off_duty_do_not_count(bob: User) -> None:
    await in_database(duty_end, user=bob, now=clock.now())
    async with Client(RUNNER, user=bob) as client:
        await client.hear("hello")
        answer = await client.ask("positions", "positions.ack", points=[reading()])
        assert answer["refused"] == {"off_duty": 1}
    assert await in_database(locations.everyone) == {}


async def test_the_requester_sees_where_the_runner_walks(
    alice: User, bob: User, now: datetime
) -> None:
    errand = await in_database(accepted, alice, bob, now=now)
    async with (
        Client(RUNNER, user=bob) as runner,
        Client(f"/ws/errands/{errand.pk}/", user=alice) as requester,
        Client(f"/ws/track/{errand.tracking_token}/") as anybody,
    ):
        for client in (runner, requester, anybody):
            await client.hear("hello")
        point = reading()
        await runner.ask("positions", "positions.ack", points=[point])
        seen = await requester.hear("position")
        assert (seen["lat"], seen["lng"]) == (point["lat"], point["lng"])
        assert seen["eta_minutes"] > 0
        assert await anybody.hear("position") == seen
    async with Client(f"/ws/errands/{errand.pk}/", user=alice) as requester:
        await requester.hear("hello")
        assert (await requester.hear("position"))["lat"] == point["lat"]


async def test_an_offer_is_heard_and_accepted(alice: User, bob: User, now: datetime) -> None:
    async with Client(RUNNER, user=bob) as client:
        before = (await client.hear("hello"))["sequence"]
        errand = await in_database(offered, alice, bob, now=now)
        offer = (await client.hear("offer.made"))["offer"]
        assert (offer["errand_id"], offer["title"]) == (str(errand.pk), errand.title)
        assert offer["pickup"] != HERE  # a block, not the place
        await client.say("offer.accept", offer_id=offer["id"], id="a1")
        heard = [await client.hear("ack", "errand.changed") for _ in range(2)]
        assert {
            "type": "ack", "for": "offer.accept", "id": "a1",
            "offer_id": offer["id"], "errand_id": str(errand.pk), "errand_ids": [str(errand.pk)],
        } in heard  # fmt: skip
        changed = next(message for message in heard if message["type"] == "errand.changed")
        assert (changed["state"], changed["errand_sequence"]) == ("assigned", 3)
        assert changed["sequence"] == before + 2
    won = await in_database(Errand.objects.get, pk=errand.pk)
    assert (won.runner_id, won.state) == (bob.pk, State.ASSIGNED)


async def test_an_offer_is_declined_and_closed(alice: User, bob: User, now: datetime) -> None:
    await in_database(offered, alice, bob, now=now)
    async with Client(RUNNER, user=bob) as client:
        (offer,) = (await client.hear("hello"))["offers"]
        await client.say("offer.decline", offer_id=offer["id"])
        heard = [await client.hear("ack", "offer.closed") for _ in range(2)]
        assert {"type": "ack", "for": "offer.decline", "offer_id": offer["id"]} in heard
        closed = next(message for message in heard if message["type"] == "offer.closed")
        assert (closed["offer_id"], closed["state"]) == (offer["id"], "declined")
        refused = await client.ask("offer.accept", "error", offer_id=offer["id"])
        assert refused["code"] == "offer_gone"
    assert await in_database(count(Offer.objects.filter(state=OfferState.ACCEPTED))) == 0


async def test_an_offer_withdrawn_is_closed_on_the_phone(
    alice: User, bob: User, now: datetime
) -> None:
    errand = await in_database(offered, alice, bob, now=now)
    async with Client(RUNNER, user=bob) as client:
        assert len((await client.hear("hello"))["offers"]) == 1
        await in_database(offers_withdraw, errand_id=errand.pk, now=now)
        assert (await client.hear("offer.closed"))["state"] == "withdrawn"
    async with Client(RUNNER, user=bob) as client:
        assert (await client.hear("hello"))["offers"] == []


async def test_anothers_offer_does_not_exist(alice: User, bob: User, now: datetime) -> None:
    carol = await in_database(make_runner, "carol", on_duty=False)
    errand = await in_database(offered, alice, bob, now=now)
    offer = await in_database(Offer.objects.get, errand=errand)
    async with Client(RUNNER, user=carol) as client:
        await client.hear("hello")
        for type_ in ("offer.accept", "offer.decline"):
            for offer_id in (offer.pk, uuid4()):
                refused = await client.ask(type_, "error", offer_id=str(offer_id), id="x")
                assert (refused["code"], refused["for"], refused["id"]) == ("not_found", type_, "x")
    assert (await in_database(Offer.objects.get, pk=offer.pk)).state == OfferState.OFFERED


async def test_a_phone_that_comes_back_hears_what_it_missed(bob: User) -> None:
    await in_database(told, bob, 5)
    async with Client(f"{RUNNER}?after=2", user=bob) as client:
        assert (await client.hear("hello"))["sequence"] == 5
        assert await sequences(client, 3, "duty.changed") == [3, 4, 5]
        await in_database(told, bob, 2)
        assert await sequences(client, 2, "duty.changed") == [6, 7]
        await client.ask("resume", "hello", after=6)
        assert await sequences(client, 1, "duty.changed") == [7]
        assert await client.is_well()


async def test_two_phones_of_one_runner_hear_the_same(bob: User) -> None:
    async with Client(RUNNER, user=bob) as one, Client(RUNNER, user=bob) as two:
        await one.hear("hello")
        await two.hear("hello")
        await in_database(told, bob, 3)
        assert await sequences(one, 3, "duty.changed") == [1, 2, 3]
        assert await sequences(two, 3, "duty.changed") == [1, 2, 3]


async def test_many_runners_are_told_at_once(bob: User) -> None:
    carol = await in_database(make_runner, "carol")
    async with Client(RUNNER, user=bob) as one, Client(RUNNER, user=carol) as other:
        await one.hear("hello")
        await other.hear("hello")
        messages = [
            (user.pk, {"type": "duty.changed", "sequence": number, "on_duty": True})
            for number in (1, 2, 3)
            for user in (bob, carol)
        ]
        await in_database(live.push_runners, messages)
        assert await sequences(one, 3, "duty.changed") == [1, 2, 3]
        assert await sequences(other, 3, "duty.changed") == [1, 2, 3]


def forget(user: User, *, upto: int) -> None:
    assert RunnerMessage.objects.filter(runner=user, sequence__lte=upto).delete()


async def test_messages_no_longer_kept_mean_starting_over(bob: User) -> None:
    await in_database(told, bob, 5)
    await in_database(forget, bob, upto=3)
    async with Client(f"{RUNNER}?after=3", user=bob) as client:
        assert (await client.hear("hello"))["reset"] is False
        assert await sequences(client, 2, "duty.changed") == [4, 5]
    async with Client(f"{RUNNER}?after=2", user=bob) as client:
        hello = await client.hear("hello")
        assert (hello["reset"], hello["sequence"]) == (True, 5)
    await in_database(forget, bob, upto=5)
    async with Client(f"{RUNNER}?after=4", user=bob) as client:
        assert (await client.hear("hello"))["reset"] is True
    async with Client(f"{RUNNER}?after=5", user=bob) as client:
        assert (await client.hear("hello"))["reset"] is False


def long_absence(user: User) -> None:
    rows = [
        RunnerMessage(runner=user, sequence=number, type="duty.changed", payload={"on_duty": True})
        for number in range(1, MAX_GAP + 2)
    ]
    RunnerMessage.objects.bulk_create(rows)
    RunnerStream.objects.create(runner=user, last=MAX_GAP + 1)


async def test_a_long_absence_means_starting_over_with_the_present(
    alice: User, bob: User, now: datetime
) -> None:
    await in_database(long_absence, bob)
    errand = await in_database(accepted, alice, bob, now=now)
    async with Client(f"{RUNNER}?after=0", user=bob) as client:
        hello = await client.hear("hello")
        assert hello["reset"] is True
        assert hello["errands"] == [
            {"errand_id": str(errand.pk), "state": "assigned", "errand_sequence": 3}
        ]
        last = hello["sequence"]
        await in_database(told, bob, 1)
        assert await sequences(client, 1, "duty.changed") == [last + 1]


async def test_the_runner_is_told_when_an_errand_is_cancelled(
    alice: User, bob: User, now: datetime
) -> None:
    errand = await in_database(accepted, alice, bob, now=now)
    async with Client(RUNNER, user=bob) as client:
        await client.hear("hello")
        await in_database(
            services.errand_cancel, errand_id=errand.pk, requester=alice, note="", now=now
        )
        changed = await client.hear("errand.changed")
        assert (changed["errand_id"], changed["state"]) == (str(errand.pk), "cancelled")
