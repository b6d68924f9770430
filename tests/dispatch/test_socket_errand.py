"""Following one errand: nothing lost, nothing doubled, nothing that is not one's business."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.conf import settings

from accounts.models import User
from common import clock
from common.geo import Point
from common.redis import client as redis_client
from dispatch import live
from dispatch.consumers.base import in_database
from dispatch.protocol import MAX_GAP
from errands import services
from errands.models import Errand, ErrandEvent
from errands.states import State
from tests.dispatch.socket_client import Client
from tests.dispatch.stories import accepted, event, opened

pytestmark = pytest.mark.django_db(transaction=True)

HERE: dict[str, Any] = {
    "lat": 37.5,
    "lng": 127.03,
    "eta_minutes": 4.5,
    "recorded_at": "2026-03-01T00:00:00Z",
}


@pytest.fixture(autouse=True)
def unrepaired(monkeypatch: pytest.MonkeyPatch) -> None:
    """No look at the database from time to time, which would hide what the stream loses."""
    monkeypatch.setattr("dispatch.consumers.watch.WatchConsumer.tick_s", 600)


@pytest.fixture
def errand(alice: User, bob: User, now: datetime) -> Errand:
    return accepted(alice, bob, now=now)


def path(errand: Errand, query: str = "") -> str:
    return f"/ws/errands/{errand.pk}/{query}"


def tracking(errand: Errand, query: str = "") -> str:
    return f"/ws/track/{errand.tracking_token}/{query}"


async def show_position(errand: Errand) -> None:
    await live.push_position(
        [uuid4(), errand.pk],
        point=Point(HERE["lat"], HERE["lng"]),
        recorded_at=datetime.fromisoformat(HERE["recorded_at"]),
        eta_minutes={errand.pk: HERE["eta_minutes"]},
    )


async def push(errand: Errand, number: int) -> None:
    """Send one event through the channel layer, as happens after a commit."""

    def send() -> None:
        live.push_errand(errand.pk, live.errand_event(event(errand, number)))

    await in_database(send)


def add_events(errand: Errand, *, upto: int) -> None:
    """Events that nobody announced, as if the channel layer had lost them."""
    rows = [
        ErrandEvent(
            errand=errand, sequence=number, move="arrive", from_state=State.ASSIGNED,
            to_state=State.AT_PICKUP, role="runner", created_at=clock.now(),
        )
        for number in range(errand.version + 1, upto + 1)
    ]  # fmt: skip
    ErrandEvent.objects.bulk_create(rows)
    Errand.objects.filter(pk=errand.pk).update(version=upto, state=State.AT_PICKUP)
    errand.version = upto


async def sequences(client: Client, count: int) -> list[int]:
    return [(await client.hear("errand.event"))["sequence"] for _ in range(count)]


async def test_the_requester_hears_the_present_and_then_every_move(
    alice: User, errand: Errand, bob: User
) -> None:
    async with Client(path(errand), user=alice) as client:
        assert await client.hear("hello") == {
            "type": "hello", "sequence": 3, "state": "assigned", "reset": False,
        }  # fmt: skip
        await in_database(
            services.errand_arrive, errand_id=errand.pk, runner=bob, position=errand.pickup,
            reason="", now=clock.now(),
        )  # fmt: skip
        await push(errand, 4)
        heard = await client.hear("errand.event")
        assert (heard["move"], heard["role"], heard["state"]) == ("arrive", "runner", "at_pickup")
        assert await client.is_well()


async def test_a_client_that_comes_back_gets_what_it_missed_in_order(
    alice: User, errand: Errand
) -> None:
    async with Client(path(errand, "?after=1"), user=alice) as client:
        assert (await client.hear("hello"))["sequence"] == 3
        assert await sequences(client, 2) == [2, 3]
        await client.say("resume", after=0)
        assert (await client.hear("hello"))["reset"] is False
        assert await sequences(client, 3) == [1, 2, 3]
        assert await client.is_well()


async def test_what_is_sent_while_the_gap_is_read_comes_once_and_in_order(
    alice: User, errand: Errand, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = live.errand_missed

    def slow(errand_id: Any, *, after: int) -> list[dict[str, Any]]:
        """News of a known and of two new events arrives between joining and reading."""
        monkeypatch.setattr(live, "errand_missed", read)
        for number in (3, 5, 4):
            if number > errand.version:
                add_events(errand, upto=5)
            live.push_errand(errand.pk, live.errand_event(event(errand, number)))
        return read(errand_id, after=after)

    monkeypatch.setattr(live, "errand_missed", slow)
    async with Client(path(errand, "?after=1"), user=alice) as client:
        await client.hear("hello")
        assert await sequences(client, 4) == [2, 3, 4, 5]
        await in_database(add_events, errand, upto=6)
        await push(errand, 6)
        assert await sequences(client, 1) == [6]
        assert await client.is_well()


async def test_what_happens_right_after_the_gap_was_read_is_not_missed(
    alice: User, errand: Errand, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = live.errand_missed

    def overtaken(errand_id: Any, *, after: int) -> list[dict[str, Any]]:
        monkeypatch.setattr(live, "errand_missed", read)
        missed = read(errand_id, after=after)
        add_events(errand, upto=4)
        live.push_errand(errand.pk, live.errand_event(event(errand, 4)))
        return missed

    monkeypatch.setattr(live, "errand_missed", overtaken)
    async with Client(path(errand, "?after=2"), user=alice) as client:
        await client.hear("hello")
        assert await sequences(client, 2) == [3, 4]


async def test_a_doubled_message_is_heard_once(alice: User, errand: Errand) -> None:
    async with Client(path(errand), user=alice) as client:
        await client.hear("hello")
        await in_database(add_events, errand, upto=5)
        for number in (4, 4, 3, 5, 5):
            await push(errand, number)
        assert await sequences(client, 2) == [4, 5]
        assert await client.is_well()


async def test_a_hole_is_filled_from_the_database(alice: User, errand: Errand) -> None:
    async with Client(path(errand), user=alice) as client:
        await client.hear("hello")
        await in_database(add_events, errand, upto=7)
        await push(errand, 7)
        assert await sequences(client, 4) == [4, 5, 6, 7]
        assert await client.is_well()


async def test_what_the_layer_lost_altogether_is_found_by_the_next_look(
    alice: User, errand: Errand, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dispatch.consumers.watch.ErrandConsumer.tick_s", 0.1)
    async with Client(path(errand), user=alice) as client:
        await client.hear("hello")
        await in_database(add_events, errand, upto=5)
        assert await sequences(client, 2) == [4, 5]


def forget_groups() -> None:
    """As a Redis that was restarted."""
    keys = redis_client().keys("asgi:group:*")
    assert redis_client().delete(*keys) == 2


async def test_a_group_that_redis_forgot_is_joined_again(
    alice: User, errand: Errand, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dispatch.consumers.watch.ErrandConsumer.tick_s", 0.1)
    async with Client(path(errand), user=alice) as client:
        await client.hear("hello")
        forget_groups()
        await in_database(add_events, errand, upto=4)
        assert await sequences(client, 1) == [4]
        monkeypatch.setattr("dispatch.consumers.watch.ErrandConsumer.tick_s", 600)
        await show_position(errand)
        assert (await client.hear("position"))["eta_minutes"] == 4.5


async def test_too_large_a_gap_starts_over(alice: User, errand: Errand) -> None:
    await in_database(add_events, errand, upto=MAX_GAP + 1)
    async with Client(path(errand, "?after=1"), user=alice) as client:
        assert (await client.hear("hello"))["reset"] is False
        assert (await sequences(client, MAX_GAP))[-1] == MAX_GAP + 1
    async with Client(path(errand, "?after=0"), user=alice) as client:
        hello = await client.hear("hello")
        assert (hello["reset"], hello["sequence"]) == (True, MAX_GAP + 1)
        assert await client.is_well()


async def test_a_number_never_given_starts_over(alice: User, errand: Errand) -> None:
    async with Client(path(errand, "?after=99"), user=alice) as client:
        hello = await client.hear("hello")
        assert (hello["reset"], hello["sequence"]) == (True, 3)


@pytest.mark.parametrize("after", ["x", "-1", "1.5", "９", "9" * 5_000])
async def test_a_number_that_is_none_is_refused(alice: User, errand: Errand, after: str) -> None:
    async with Client(path(errand, f"?after={after}"), user=alice) as client:
        assert (await client.hear("error"))["code"] == "invalid"
        assert await client.ending() == 4400


async def test_for_a_stranger_the_errand_does_not_exist(charlie: User, errand: Errand) -> None:
    async with Client(path(errand), user=charlie) as client:
        refused = await client.hear("error")
        assert await client.ending() == 4404
    async with Client(f"/ws/errands/{uuid4()}/", user=charlie) as client:
        assert await client.hear("error") == refused
        assert await client.ending() == 4404


async def test_staff_may_watch(dana: User, errand: Errand) -> None:
    async with Client(path(errand), user=dana) as client:
        assert (await client.hear("hello"))["state"] == "assigned"


async def test_a_runner_who_gives_it_back_hears_no_more(
    alice: User, bob: User, errand: Errand
) -> None:
    async with Client(path(errand), user=bob) as runner, Client(path(errand), user=alice) as asker:
        await runner.hear("hello")
        await asker.hear("hello")
        await in_database(
            services.errand_drop, errand_id=errand.pk, runner=bob, reason="", now=clock.now()
        )
        await push(errand, 4)
        assert (await runner.hear("error"))["code"] == "not_found"
        assert await runner.ending() == 4404
        assert (await asker.hear("errand.event"))["move"] == "drop"
        assert await asker.is_well()


async def test_the_runner_hears_the_moves_of_others(alice: User, bob: User, errand: Errand) -> None:
    async with Client(path(errand), user=bob) as client:
        await client.hear("hello")
        await in_database(
            services.errand_cancel, errand_id=errand.pk, requester=alice, note="",
            now=clock.now(),
        )  # fmt: skip
        await push(errand, 4)
        assert (await client.hear("errand.event"))["state"] == "cancelled"


async def test_positions_are_shown_only_while_the_errand_is_underway(
    alice: User, bob: User, errand: Errand
) -> None:
    async with Client(path(errand), user=alice) as client:
        await client.hear("hello")
        await show_position(errand)
        assert await client.hear("position") == {"type": "position", **HERE}
        await in_database(
            Errand.objects.filter(pk=errand.pk).update, state=State.DELIVERED, version=4
        )
        await in_database(add_delivered, errand)
        await push(errand, 4)
        assert (await client.hear("errand.event"))["state"] == "delivered"
        await show_position(errand)
        assert await client.is_well()
    assert [message["type"] for message in client.heard].count("position") == 1


def add_delivered(errand: Errand) -> None:
    ErrandEvent.objects.create(
        errand=errand, sequence=4, move="deliver", from_state=State.AT_DROPOFF,
        to_state=State.DELIVERED, role="runner",
    )  # fmt: skip


async def test_no_position_before_somebody_runs(alice: User, now: datetime) -> None:
    errand = await in_database(opened, alice, now=now)
    async with Client(path(errand), user=alice) as client:
        await client.hear("hello")
        await show_position(errand)
        assert await client.is_well()


async def test_the_tracking_link_shows_moves_and_places_but_no_people(errand: Errand) -> None:
    async with Client(tracking(errand, "?after=2")) as client:
        assert (await client.hear("hello"))["state"] == "assigned"
        heard = await client.hear("errand.event")
        assert set(heard) == {"type", "sequence", "to_state", "state", "at"}
        await in_database(add_events, errand, upto=4)
        await push(errand, 4)
        assert set(await client.hear("errand.event")) == set(heard)
        await show_position(errand)
        assert set(await client.hear("position")) == {"type", *HERE}


async def test_the_tracking_link_ends_a_day_after_the_errand(errand: Errand, now: datetime) -> None:
    def end(ago: timedelta) -> None:
        Errand.objects.filter(pk=errand.pk).update(
            state=State.COMPLETED, ended_at=clock.now() - ago
        )

    await in_database(end, settings.TRACKING_LINK_LIFE - timedelta(minutes=1))
    async with Client(tracking(errand)) as client:
        assert (await client.hear("hello"))["state"] == "completed"
    await in_database(end, settings.TRACKING_LINK_LIFE)
    async with Client(tracking(errand)) as client:
        assert (await client.hear("error"))["code"] == "not_found"
        assert await client.ending() == 4404


async def test_a_link_that_was_made_up_leads_nowhere(db: None) -> None:
    async with Client("/ws/track/made-up/") as client:
        assert await client.ending() == 4404
