"""Orders of one tip that are asked for, and heard of, all at once; the guard with its control."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from threading import Barrier

import pytest

from accounts.models import User
from common.db import run_in_unit
from errands import receivers, services
from errands.models import Errand, Tip
from errands.states import State
from payments import escrow
from payments.models import Payment, Refund
from payments.selectors import balance_of_user, books_balance
from tests.conftest import make_errand, pay_for, walk
from tests.races.crowd import MANY, at_once

pytestmark = [pytest.mark.races, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def done(alice: User, bob: User, now: dt.datetime) -> Errand:
    errand = walk(pay_for(make_errand(alice, now=now), now=now), bob, State.DELIVERED, now=now)
    return services.errand_confirm(errand_id=errand.pk, requester=alice, now=now)


def order(errand: Errand, amount: int, now: dt.datetime) -> Payment:
    return services.tip_order_create(
        errand_id=errand.pk, requester=errand.requester, amount=amount, now=now
    )


def paid(orders: list[Payment], now: dt.datetime) -> list[Payment]:
    return [
        escrow.order_confirm(
            order_id=each.order_id, payer=each.payer, payment_key=f"sandbox_{each.pk}",
            amount=each.amount, now=now,
        )
        for each in orders
    ]  # fmt: skip


def test_asked_for_at_once_one_order_counts(done: Errand, bob: User, now: dt.datetime) -> None:
    found = Counter(at_once(lambda n: order(done, 1_000 + n, now) and "ordered"))
    assert found["ordered"] >= 1
    assert set(found) <= {"ordered", "tip_changed"}
    tip, had = Tip.objects.get(), balance_of_user(bob)
    for each in paid(list(Payment.objects.filter(subject=done.tip_reference)), now):
        services.payment_apply(payment=each, now=now)
    assert balance_of_user(bob) - had == tip.amount
    assert Refund.objects.count() == found["ordered"] - 1
    assert books_balance().escrow == {}


def test_heard_of_at_once_it_is_given_once(
    done: Errand, bob: User, now: dt.datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    had = balance_of_user(bob)
    with monkeypatch.context() as deaf:  # so that nobody has heard of it before all of them do
        deaf.setattr(receivers, "payment_apply", lambda **_news: None)
        [each] = paid([order(done, 3_000, now)], now)
    assert balance_of_user(bob) == had
    assert at_once(lambda _n: services.payment_apply(payment=each, now=now)) == [None] * MANY
    assert balance_of_user(bob) - had == 3_000
    assert not Refund.objects.exists()
    assert books_balance().sound


@pytest.mark.control
def test_control_who_looks_before_writing_gives_it_many_times(
    done: Errand, now: dt.datetime
) -> None:
    order(done, 3_000, now)
    looked = Barrier(MANY)

    def give(_number: int) -> bool:
        unpaid = Tip.objects.get().paid_at is None
        looked.wait(20)
        run_in_unit(lambda: Tip.objects.update(paid_at=now))
        return unpaid

    assert at_once(give) == [True] * MANY
