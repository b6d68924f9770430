"""Quotes, posting, paying, raising: the price stands, and late money goes back."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest

from accounts.models import User
from common.errors import NotFound
from common.geo import REGION, Point, area_of
from errands import services
from errands.models import AreaCondition, Errand, ErrandEvent, Quote
from errands.pricing import SEOUL
from errands.states import Kind, Move, State
from payments import escrow
from payments.models import Payment, Refund
from tests.conftest import DROPOFF, PICKUP, make_errand, pay_for, refused

HOUR = dt.timedelta(hours=1)


def quote(requester: User, now: dt.datetime, **given: Any) -> Quote:
    asked: dict[str, Any] = {
        "kind": Kind.DELIVERY, "pickup": PICKUP, "pickup_address": "홍대입구역", "dropoff": DROPOFF,
    }  # fmt: skip
    return services.quote_create(requester=requester, now=now, **asked | given)


def post(requester: User, quote_id: Any, now: dt.datetime, **given: Any) -> Errand:
    said: dict[str, Any] = {
        "title": "약 말고 우산", "note": "", "proof": "photo", "ask_pickup_pin": False,
        "reward": 10_000,
    }  # fmt: skip
    return services.errand_post(requester=requester, quote_id=quote_id, now=now, **said | given)


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ({"dropoff": None}, "dropoff_missing"),
        ({"kind": Kind.QUEUE}, "dropoff_unused"),
        ({"dropoff": Point(37.60, 126.98)}, "too_far"),
        ({"deadline_at": -HOUR}, "time_out_of_range"),
        ({"starts_at": 8 * 24 * HOUR}, "time_out_of_range"),
        ({"starts_at": 2 * HOUR, "deadline_at": HOUR}, "deadline_before_start"),
    ],
)
def test_a_question_that_makes_no_sense(
    alice: User, now: dt.datetime, given: dict[str, Any], code: str
) -> None:
    times = {k: now + v if isinstance(v, dt.timedelta) else v for k, v in given.items()}
    with refused(code):
        quote(alice, now, **times)
    assert not Quote.objects.exists()


def test_bad_weather_raises_the_price_in_its_area_only(alice: User, now: dt.datetime) -> None:
    # Noon, because the night has a price of its own and may begin or end within the two hours.
    noon = now.astimezone(SEOUL).replace(hour=12)
    dry = quote(alice, noon).reward_floor
    AreaCondition.objects.create(area=area_of(PICKUP, REGION), bad_weather_until=noon + HOUR)
    assert quote(alice, noon).reward_floor == dry + 1_500
    assert quote(alice, noon + 2 * HOUR).reward_floor == dry


def test_the_price_is_frozen_on_posting(alice: User, now: dt.datetime) -> None:
    found = quote(alice, now)
    AreaCondition.objects.create(area=area_of(PICKUP, REGION), bad_weather_until=now + HOUR)
    errand = post(alice, found.pk, now)
    assert errand.lines == found.lines
    assert (errand.reward, errand.service_fee, errand.total) == (10_000, 1_000, 11_000)
    assert Payment.objects.get(reference=errand.reference).amount == 11_000


def test_a_quote_serves_once_and_in_time(alice: User, charlie: User, now: dt.datetime) -> None:
    found = quote(alice, now)
    with pytest.raises(NotFound):
        post(charlie, found.pk, now)
    with refused("quote_expired"):
        post(alice, found.pk, now + dt.timedelta(minutes=15))
    post(alice, found.pk, now)
    with refused("quote_used"):
        post(alice, found.pk, now)
    assert Errand.objects.count() == 1


@pytest.mark.parametrize(
    ("reward", "code"), [(100, "reward_too_low"), (300_001, "reward_too_high")]
)
def test_a_reward_within_its_limits(alice: User, now: dt.datetime, reward: int, code: str) -> None:
    with refused(code):
        post(alice, quote(alice, now).pk, now, reward=reward)
    assert not Payment.objects.exists()


def test_paying_opens_the_errand_once(alice: User, now: dt.datetime) -> None:
    errand = pay_for(make_errand(alice, now=now), now=now)
    assert (errand.state, errand.opened_at) == (State.OPEN, now)
    assert errand.due_at == now + 2 * HOUR
    assert services.apply_paid(now=now) == 0
    assert ErrandEvent.objects.filter(errand=errand, move=Move.FUND).count() == 1


def test_a_scheduled_errand_waits_longer_for_its_runner(alice: User, now: dt.datetime) -> None:
    errand = pay_for(post(alice, quote(alice, now, starts_at=now + 5 * HOUR).pk, now), now=now)
    assert errand.due_at == now + 5 * HOUR - dt.timedelta(minutes=15) + 2 * HOUR


def test_money_for_an_errand_that_is_over_goes_back(alice: User, now: dt.datetime) -> None:
    errand = make_errand(alice, now=now)
    services.errand_cancel(errand_id=errand.pk, requester=alice, note="", now=now)
    pay_for(errand, now=now)
    assert Errand.objects.get(pk=errand.pk).state == State.CANCELLED
    assert escrow.escrow_held(errand.reference) == 0
    assert Refund.objects.get().amount == errand.total


class TestRaise:
    def raised(self, errand: Errand, reward: int, now: dt.datetime) -> Payment:
        return services.raise_order_create(
            errand_id=errand.pk, requester=errand.requester, reward=reward, now=now
        )

    def pay(self, order: Payment, now: dt.datetime) -> None:
        escrow.order_confirm(
            order_id=order.order_id, payer=order.payer, payment_key=f"sandbox_{order.pk}",
            amount=order.amount, now=now,
        )  # fmt: skip
        services.apply_paid(now=now)

    def test_it_counts_once_it_is_paid(self, alice: User, now: dt.datetime) -> None:
        errand = pay_for(make_errand(alice, reward=10_000, now=now), now=now)
        order = self.raised(errand, 12_000, now)
        assert order.amount == 2_200
        errand.refresh_from_db()
        assert errand.reward == 10_000
        self.pay(order, now)
        errand.refresh_from_db()
        assert (errand.reward, errand.service_fee, errand.state) == (12_000, 1_200, State.OPEN)
        assert escrow.escrow_held(errand.reference) == 13_200

    def test_an_overtaken_raise_is_sent_back(self, alice: User, now: dt.datetime) -> None:
        errand = pay_for(make_errand(alice, reward=10_000, now=now), now=now)
        first, second = self.raised(errand, 12_000, now), self.raised(errand, 15_000, now)
        self.pay(second, now)
        self.pay(first, now)
        errand.refresh_from_db()
        assert errand.reward == 15_000
        assert escrow.escrow_held(errand.reference) == errand.total
        assert Refund.objects.get().amount == first.amount

    def test_the_same_order_heard_of_twice_counts_once(self, alice: User, now: dt.datetime) -> None:
        """The news and the sweep may meet; a raise that counts must not be sent back."""
        errand = pay_for(make_errand(alice, reward=10_000, now=now), now=now)
        order = self.raised(errand, 12_000, now)
        self.pay(order, now)
        order.refresh_from_db()
        services.payment_apply(payment=order, now=now)
        errand.refresh_from_db()
        assert (errand.reward, errand.version) == (12_000, 3)
        assert not Refund.objects.exists()
        assert escrow.escrow_held(errand.reference) == errand.total

    def test_money_that_comes_too_late_is_sent_back(
        self, alice: User, bob: User, now: dt.datetime
    ) -> None:
        errand = pay_for(make_errand(alice, reward=10_000, now=now), now=now)
        order = self.raised(errand, 12_000, now)
        services.errand_accept(errand_id=errand.pk, runner=bob, now=now)
        self.pay(order, now)
        errand.refresh_from_db()
        assert errand.reward == 10_000
        assert escrow.escrow_held(errand.reference) == 11_000

    @pytest.mark.parametrize(
        ("reward", "code"),
        [
            (10_000, "reward_not_higher"),
            (9_000, "reward_not_higher"),
            (400_000, "reward_too_high"),
        ],
    )
    def test_only_upward_and_within_limits(
        self, alice: User, now: dt.datetime, reward: int, code: str
    ) -> None:
        errand = pay_for(make_errand(alice, reward=10_000, now=now), now=now)
        with refused(code):
            self.raised(errand, reward, now)
