"""Twenty of the staff give back at once; each guard with its control."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from threading import Barrier

import pytest
from django.db.models import F
from pytest_django import Settings

from accounts.models import User
from common import clock
from errands import services as lives
from errands.states import State
from payments import escrow, ledger
from payments.models import Payment, RefundDay, StaffRefund
from payments.selectors import balance_of_user, books_balance
from payments.services import staff_refund_ask, staff_refund_decide
from tests.conftest import make_errand, make_user, pay_for, walk
from tests.payments.test_staff_refunds import make_helper
from tests.races.crowd import MANY, at_once
from tests.races.test_payments import SUBJECT, tally

pytestmark = [pytest.mark.races, pytest.mark.django_db(transaction=True)]

LIMIT = 10_000


@pytest.fixture(autouse=True)
def limits(settings: Settings) -> None:
    settings.STAFF_REFUND_LIMITS = {"support": LIMIT}


@pytest.fixture
def helpers(db: None) -> list[User]:
    return [make_helper(f"helper{n}", "support") for n in range(MANY)]


@pytest.fixture
def later(now: dt.datetime) -> dt.datetime:
    return now + dt.timedelta(minutes=5)


def paid(payer: User, amount: int = 11_000, subject: str = SUBJECT) -> Payment:
    now = clock.now()
    order = escrow.order_create(
        reference=subject, subject=subject, payer=payer, amount=amount, now=now
    )
    return escrow.order_confirm(
        order_id=order.order_id, payer=payer, payment_key="sandbox_1", amount=amount, now=now
    )


def asking(payment: Payment, by: User, amount: int, now: dt.datetime) -> StaffRefund:
    return staff_refund_ask(
        order_id=payment.order_id, amount=amount, seen=0, reason="late", by=by, now=now
    )


def test_the_same_refund_twenty_times_is_one(
    alice: User,
    helpers: list[User],
    later: dt.datetime,
) -> None:
    payment = paid(alice)
    outcome = tally(lambda n: asking(payment, helpers[n], 1_000, later))
    assert outcome["done"] == 1
    assert set(outcome) <= {"done", "refund_changed", "refund_waits"}
    assert ledger.balance_of("refunds") == 1_000
    assert sum(RefundDay.objects.values_list("spent", flat=True)) == 1_000
    assert books_balance().sound


@pytest.mark.control
def test_control_without_what_was_seen_it_is_given_many_times(alice: User) -> None:
    payment = paid(alice)
    read = Barrier(MANY)

    def give(number: int) -> None:
        left = payment.amount - Payment.objects.get(pk=payment.pk).refunded
        read.wait(20)
        if left >= 10_000:
            moves = [(ledger.COMMISSION, -10_000), (ledger.REFUNDS, 10_000)]
            ledger.post(reference=f"refund:{number}", kind="x", subject="x", moves=moves)
            Payment.objects.filter(pk=payment.pk).update(refunded=10_000)

    tally(give)
    assert ledger.balance_of("refunds") > payment.amount


def test_a_limit_cannot_be_split(
    alice: User,
    helpers: list[User],
    later: dt.datetime,
) -> None:
    """One person, twenty orders of ₩2,000 at once: five are given, the others wait."""
    orders = [paid(alice, 2_000, f"thing:{n}") for n in range(MANY)]
    one = helpers[0]
    found = at_once(lambda n: asking(orders[n], one, 2_000, later).state)
    assert (found.count("given"), found.count("waiting")) == (5, MANY - 5)
    assert RefundDay.objects.get().spent == ledger.balance_of("refunds") == LIMIT


@pytest.mark.control
def test_control_without_the_guard_a_limit_is_passed(
    helpers: list[User], later: dt.datetime
) -> None:
    one, day, read = helpers[0], later.date(), Barrier(MANY)
    RefundDay.objects.create(person=one, day=day, spent=0)

    def spend(_number: int) -> None:
        spent = RefundDay.objects.get(person=one, day=day).spent
        read.wait(20)
        if spent + 2_000 <= LIMIT:
            RefundDay.objects.filter(person=one, day=day).update(spent=F("spent") + 2_000)

    tally(spend)
    assert RefundDay.objects.get().spent > LIMIT


def test_refunded_or_settled_every_won_is_in_one_place(
    alice: User,
    helpers: list[User],
    bob: User,
    later: dt.datetime,
) -> None:
    """The payer's own while escrow has it, the platform's gift once it was earned."""
    payment = paid(alice)

    def settle() -> object:
        return escrow.settle(
            reference=SUBJECT, kind="done", pay={bob.pk: 10_000}, commission=1_000, refund=0,
            now=later,
        )  # fmt: skip

    works: list[Callable[[int], object]] = [
        lambda n: asking(payment, helpers[n], 2_000, later),
        lambda _n: settle(),
    ]
    tally(lambda n: works[n % 2](n))
    given = StaffRefund.objects.get()
    if given.source == "commission":
        assert (balance_of_user(bob), ledger.balance_of("commission")) == (10_000, -1_000)
    else:  # the parts were not what is held any more
        assert (balance_of_user(bob), escrow.escrow_held(SUBJECT)) == (0, 9_000)
    assert ledger.balance_of("refunds") == 2_000
    assert books_balance().sound


def test_a_runner_is_paid_whatever_staff_give_back(
    helpers: list[User], alice: User, bob: User, later: dt.datetime
) -> None:
    """Twenty at one delivered errand, just as it is confirmed."""
    errand = walk(pay_for(make_errand(alice)), bob, State.DELIVERED)
    payment = Payment.objects.get(subject=errand.reference)
    works: list[Callable[[int], object]] = [
        lambda n: asking(payment, helpers[n], 1_000, later),
        lambda _n: lives.errand_confirm(errand_id=errand.pk, requester=alice, now=later),
    ]
    outcome = tally(lambda n: works[n % 2](n))
    assert set(outcome) <= {
        "done", "money_needed", "refund_changed", "refund_waits", "illegal_move", "already_settled",
    }  # fmt: skip
    assert balance_of_user(bob) == errand.reward
    gifts = 1_000 * StaffRefund.objects.count()
    assert ledger.balance_of("commission") == errand.service_fee - gifts
    assert ledger.balance_of("refunds") == gifts
    assert books_balance().sound


def test_granted_or_refused_never_both(
    alice: User,
    helpers: list[User],
    later: dt.datetime,
) -> None:
    asked = asking(paid(alice), helpers[0], 10_500, later)
    staff = [make_user(f"staff{n}", is_staff=True) for n in range(MANY)]

    def decide(number: int) -> object:
        return staff_refund_decide(
            refund_id=asked.pk, grant=number % 2 == 0, by=staff[number], now=later
        )

    assert tally(decide) == {"done": 1, "refund_decided": MANY - 1}
    asked.refresh_from_db()
    moved = ledger.balance_of("refunds")
    assert (asked.state, moved) in {("given", 10_500), ("refused", 0)}
