"""What follows from news, through real commits; and nothing fails when the queue is down."""

from __future__ import annotations

import base64
import datetime as dt
import json
from typing import Any

import pytest
from asgiref.sync import async_to_sync
from channels.layers import get_channel_layer

from accounts.models import RunnerProfile, User
from accounts.services import duty_end, strike_add, user_ban
from common import clock
from common.geo import REGION, Point, area_around, area_of
from common.redis import client
from dispatch import live, locations, services, tasks
from dispatch.models import Offer, OfferState, RunnerMessage, Solve, TrailPoint
from dispatch.selectors import areas_waiting
from errands import services as errands
from errands.models import Errand
from errands.signals import errand_changed
from errands.states import Move, State
from payments import escrow
from tests.conftest import make_errand, make_runner, pay_for
from tests.dispatch.scene import north, offered, opened, stand, told

pytestmark = pytest.mark.django_db(transaction=True)

BUSAN, JEJU = Point(35.1151, 129.0414), Point(33.4996, 126.5312)


@pytest.fixture
def errand(alice: User, now: dt.datetime) -> Errand:
    """Its own news are over: only what a test causes is on the queue."""
    errand = opened(alice, now=now)
    forget_tasks()
    return errand


def forget_tasks() -> None:
    """As if a worker had taken them all, and was done."""
    client().delete("matching", *client().keys("dispatch:matching:*:queued"))


def queued() -> list[tuple[str, dict[str, Any]]]:
    """Name and arguments of the tasks on the queue, oldest first."""
    rows = [json.loads(row) for row in reversed(client().lrange("matching", 0, -1))]
    bodies = [json.loads(base64.b64decode(row["body"])) for row in rows]
    return [(row["headers"]["task"], body[1]) for row, body in zip(rows, bodies, strict=True)]


def matching(errand: Errand) -> tuple[str, dict[str, Any]]:
    return ("dispatch.tasks.match_area", {"area": area_around(errand.area, REGION)})


# --- Errands -----------------------------------------------------------------------------
def test_a_paid_errand_is_matched_soon(alice: User, now: dt.datetime) -> None:
    errand = pay_for(make_errand(alice, now=now), now=now)
    assert matching(errand) in queued()


def test_an_errand_that_cannot_be_taken_any_more_is_not_asked_about(
    errand: Errand, alice: User, bob: User, now: dt.datetime
) -> None:
    offered(errand, bob, now=now)
    errands.errand_cancel(errand_id=errand.pk, requester=alice, note="", now=now)
    assert Offer.objects.get().state == OfferState.WITHDRAWN
    assert [kind for _n, kind, _payload in told(bob)] == ["offer.made", "offer.closed"]


def test_a_claim_withdraws_what_another_was_asked(
    errand: Errand, bob: User, now: dt.datetime
) -> None:
    offer = offered(errand, bob, now=now)
    eve = make_runner("eve")
    errands.errand_accept(errand_id=errand.pk, runner=eve, now=now)
    offer.refresh_from_db()
    assert offer.state == OfferState.WITHDRAWN
    assert told(eve)[-1][1] == "errand.changed"


def test_the_runner_hears_every_change(errand: Errand, bob: User, now: dt.datetime) -> None:
    services.errand_claim(errand_id=errand.pk, runner=bob, now=now)
    services.errand_give_back(errand_id=errand.pk, runner=bob, reason="my knee", now=now)
    changes = [payload for _n, kind, payload in told(bob) if kind == "errand.changed"]
    assert changes == [
        {"errand_id": str(errand.pk), "state": "assigned", "errand_sequence": 3},
        {"errand_id": str(errand.pk), "state": "open", "errand_sequence": 4},
    ]
    assert matching(errand) in queued()


def test_the_runner_hears_of_a_tip(
    errand: Errand, alice: User, bob: User, now: dt.datetime
) -> None:
    services.errand_claim(errand_id=errand.pk, runner=bob, now=now)
    Errand.objects.filter(pk=errand.pk).update(state=State.COMPLETED, ended_at=now)
    before = len(told(bob))
    order = errands.tip_order_create(errand_id=errand.pk, requester=alice, amount=500, now=now)
    escrow.order_confirm(
        order_id=order.order_id, payer=alice, payment_key="sandbox_tip", amount=500, now=now
    )
    [(_n, kind, payload)] = told(bob)[before:]
    assert (kind, payload["state"]) == ("errand.changed", "completed")


def test_a_drop_by_another_way_leaves_the_errand_winnable(
    errand: Errand, bob: User, now: dt.datetime
) -> None:
    services.errand_claim(errand_id=errand.pk, runner=bob, now=now)
    errands.errand_drop(errand_id=errand.pk, runner=bob, reason="my knee", now=now)
    assert Offer.objects.get().state == OfferState.DROPPED
    eve = make_runner("eve")
    assert services.errand_claim(errand_id=errand.pk, runner=eve, now=now).runner_id == eve.pk


def news(errand: Errand, sequence: int, move: Move, state: State) -> None:
    """Announce an event once more, after others have acted on it."""
    errand_changed.send(
        sender=Errand, errand_id=errand.pk, sequence=sequence, move=move, state=state,
        area=errand.area,
    )  # fmt: skip


def test_late_news_of_a_drop_take_nothing_from_the_next_runner(
    errand: Errand, bob: User, now: dt.datetime
) -> None:
    services.errand_claim(errand_id=errand.pk, runner=bob, now=now)
    services.errand_give_back(errand_id=errand.pk, runner=bob, reason="my knee", now=now)
    eve = make_runner("eve")
    services.errand_claim(errand_id=errand.pk, runner=eve, now=now)
    before = told(eve)
    RunnerMessage.objects.filter(runner=bob, sequence=2).delete()
    news(errand, 4, Move.DROP, State.OPEN)
    assert Offer.objects.get(runner=eve).state == OfferState.ACCEPTED
    assert told(eve) == before
    assert told(bob)[-1][2]["errand_sequence"] == 4


def test_late_news_of_a_claim_withdraw_nothing_from_the_next_runner(
    errand: Errand, bob: User, now: dt.datetime
) -> None:
    services.errand_claim(errand_id=errand.pk, runner=bob, now=now)
    services.errand_give_back(errand_id=errand.pk, runner=bob, reason="my knee", now=now)
    offer = offered(errand, make_runner("eve"), now=now)
    news(errand, 3, Move.ACCEPT, State.ASSIGNED)
    offer.refresh_from_db()
    assert offer.state == OfferState.OFFERED


def test_watchers_hear_every_event(errand: Errand, bob: User, now: dt.datetime) -> None:
    layer = get_channel_layer()

    async def watch() -> str:
        channel: str = await layer.new_channel()
        await layer.group_add(live.errand_group(errand.pk), channel)
        return channel

    async def heard(channel: str) -> dict[str, Any]:
        found: dict[str, Any] = await layer.receive(channel)
        return found

    channel = async_to_sync(watch)()
    services.errand_claim(errand_id=errand.pk, runner=bob, now=now)
    message = async_to_sync(heard)(channel)["message"]
    assert (message["type"], message["sequence"], message["to_state"]) == (
        "errand.event", 3, "assigned",
    )  # fmt: skip


# --- Accounts ----------------------------------------------------------------------------
def test_a_duty_ended_by_others_has_all_its_consequences(
    errand: Errand, bob: User, now: dt.datetime
) -> None:
    offered(errand, bob, now=now)
    duty_end(user=bob, now=now)
    assert locations.everyone(now=now) == {}
    assert Offer.objects.get().state == OfferState.WITHDRAWN
    assert told(bob)[1] == (2, "duty.changed", {"on_duty": False})


def test_the_third_strike_takes_a_runner_off_the_map(
    errand: Errand, bob: User, now: dt.datetime
) -> None:
    stand(bob, 100, now=now)
    for number in range(3):
        strike_add(runner=bob, reference=f"errand:{number}", reason="drop", now=now)
    assert not RunnerProfile.objects.get(user=bob).on_duty
    assert locations.everyone(now=now) == {}
    assert services.match_area(area=errand.area, now=now) == 0


def test_a_ban_forgets_the_place(bob: User, dana: User, now: dt.datetime) -> None:
    stand(bob, 100, now=now)
    RunnerProfile.objects.filter(user=bob).update(on_duty=False)
    user_ban(user=bob, by=dana, reason="fraud", now=now)
    assert locations.everyone(now=now) == {}


# --- Offers and the queue ------------------------------------------------------------------
def test_offers_bring_their_own_expiry(errand: Errand, bob: User, now: dt.datetime) -> None:
    offer = offered(errand, bob, now=now)
    assert queued() == [("dispatch.tasks.sweep_offers", {})]
    [row] = client().lrange("matching", 0, -1)
    eta = dt.datetime.fromisoformat(json.loads(row)["headers"]["eta"])
    assert dt.timedelta(0) < eta - offer.expires_at < dt.timedelta(seconds=10)


def test_an_offer_that_ends_makes_the_next_run_soon(
    errand: Errand, bob: User, now: dt.datetime
) -> None:
    offer = offered(errand, bob, now=now)
    forget_tasks()
    services.offer_decline(offer_id=offer.pk, runner=bob, now=now)
    assert queued() == [matching(errand)]


def test_nothing_piles_up_behind_a_stopped_worker(
    errand: Errand, bob: User, now: dt.datetime
) -> None:
    services.offer_decline(offer_id=offered(errand, bob, now=now).pk, runner=bob, now=now)
    tasks.sweep_matching()
    rows = [json.loads(row)["headers"] for row in client().lrange("matching", 0, -1)]
    assert {row["task"].rpartition(".")[2] for row in rows} == {"match_area", "sweep_offers"}
    for row in rows:
        starts = dt.datetime.fromisoformat(row["eta"]) if row["eta"] else clock.now()
        life = dt.datetime.fromisoformat(row["expires"]) - starts
        assert dt.timedelta(0) < life < dt.timedelta(minutes=1)


# --- Tasks -------------------------------------------------------------------------------
def test_the_sweep_asks_for_every_area_that_waits(errand: Errand, alice: User, bob: User) -> None:
    now = clock.now()
    beside, busan, jeju = (area_of(place) for place in (north(1_000), BUSAN, JEJU))
    opened(alice, now=now, area=beside)
    opened(alice, now=now, area=busan)
    opened(alice, now=now, area="751:2538")  # by a program of yesterday
    taken = opened(alice, now=now, area=jeju)
    Errand.objects.filter(pk=taken.pk).update(state=State.ASSIGNED, runner=bob)
    assert areas_waiting(now) == sorted([beside, busan, errand.area])
    forget_tasks()
    for _twice in range(2):
        tasks.sweep_matching()
    regions = {area_around(area, REGION) for area in (busan, errand.area)}
    assert [kwargs["area"] for _name, kwargs in queued()] == sorted(regions)


def test_an_area_whose_errands_are_offered_does_not_wait(
    errand: Errand, bob: User, now: dt.datetime
) -> None:
    offered(errand, bob, now=now)
    assert areas_waiting(now) == []


def test_the_tasks_do_the_work(errand: Errand, bob: User) -> None:
    stand(bob, 100, now=clock.now())
    tasks.match_area(area=errand.area, added_later="is fine")
    offer = Offer.objects.get()
    Offer.objects.update(expires_at=clock.now())
    tasks.sweep_offers()
    offer.refresh_from_db()
    assert offer.state == OfferState.EXPIRED
    tasks.match_area(area=errand.area)
    Offer.objects.filter(state=OfferState.OFFERED).update(expires_at=clock.now())
    tasks.sweep_offers()
    assert not Offer.objects.filter(state=OfferState.OFFERED).exists()


def test_what_is_old_is_forgotten_and_nothing_else(errand: Errand, bob: User) -> None:
    now = clock.now()
    for days in (0.9, 1.1, 29.9, 30.1):
        at = now - dt.timedelta(days=days)
        TrailPoint.objects.create(
            errand=errand, runner=bob, lat=37.5, lng=127, accuracy=5, recorded_at=at
        )
        Solve.objects.create(area="1:1", digest="", errands=1, runners=1, took_ms=1, created_at=at)
        RunnerMessage.objects.create(
            runner=bob, sequence=days * 10, type="test", payload={}, created_at=at
        )
    stand(bob, 0, now=now - dt.timedelta(hours=2))
    tasks.sweep_old()
    assert TrailPoint.objects.count() == 3
    assert Solve.objects.count() == 3
    assert RunnerMessage.objects.count() == 1
    assert client().zcard(locations.WHERE) == 0
