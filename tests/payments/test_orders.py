from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from accounts.models import User
from common.errors import Conflict, NotFound, Unavailable, Unprocessable
from payments import escrow, ledger
from payments.models import Payment, PaymentState, Transfer
from payments.signals import escrow_funded
from tests.payments.conftest import SUBJECT
from tests.payments.gateway import Crash, MemoryGateway, crashes, declines, is_silent

pytestmark = pytest.mark.django_db(transaction=True)

Company = type[MemoryGateway]
Confirm = Callable[..., Payment]
LATER = dt.timedelta(minutes=15)


@pytest.fixture
def confirm(order: Payment, alice: User, now: dt.datetime) -> Confirm:
    """Return a function that confirms the order, as Alice's app would."""

    def call(**changes: Any) -> Payment:
        return escrow.order_confirm(
            **{
                "order_id": order.order_id,
                "payer": alice,
                "payment_key": "key-1",
                "amount": 11_000,
                "now": now,
                **changes,
            }
        )

    return call


@pytest.fixture
def news() -> Iterator[list[tuple[str, str]]]:
    """What escrow_funded told, as (reference, order_id)."""
    heard: list[tuple[str, str]] = []

    def hear(*, reference: str, order_id: str, **_rest: object) -> None:
        heard.append((reference, order_id))

    escrow_funded.connect(hear, weak=False, dispatch_uid="news")
    yield heard
    escrow_funded.disconnect(dispatch_uid="news")


def test_an_order_waits_a_quarter_of_an_hour(order: Payment, now: dt.datetime) -> None:
    assert order.state == PaymentState.READY
    assert order.expires_at == now + LATER
    assert re.fullmatch(r"[A-Za-z0-9_-]{6,64}", order.order_id)


@pytest.mark.parametrize("amount", [0, -1])
def test_an_order_of_nothing_is_refused(alice: User, now: dt.datetime, amount: int) -> None:
    with pytest.raises(ValueError, match="won"):
        escrow.order_create(reference=SUBJECT, subject=SUBJECT, payer=alice, amount=amount, now=now)
    assert not Payment.objects.exists()


def test_a_confirmed_order_is_held(
    confirm: Confirm, company: Company, now: dt.datetime, news: list[tuple[str, str]]
) -> None:
    payment = confirm()
    assert (payment.state, payment.payment_key, payment.paid_at) == ("done", "key-1", now)
    assert escrow.escrow_held(SUBJECT) == 11_000 == company.holds()
    assert ledger.balance_of("gateway") == -11_000
    assert news == [(SUBJECT, payment.order_id)]


def test_order_and_payment_key_are_the_idempotency_key(
    confirm: Confirm, company: Company, order: Payment
) -> None:
    confirm()
    assert company.asked == [f"{order.order_id}:key-1"]


def test_confirmed_twice_is_answered_as_once(
    confirm: Confirm, company: Company, news: list[tuple[str, str]]
) -> None:
    first = confirm()
    assert confirm() == first
    assert escrow.escrow_held(SUBJECT) == 11_000
    assert len(company.asked) == len(news) == Transfer.objects.count() == 1


def test_orders_of_one_subject_are_held_together(paid: Confirm) -> None:
    paid(11_000)
    paid(2_000, reference=f"{SUBJECT}:raise:2000")
    paid(500, reference="thing:2", subject="thing:2")
    assert escrow.escrow_held(SUBJECT) == 13_000


def test_a_stranger_cannot_confirm(confirm: Confirm, charlie: User, company: Company) -> None:
    with pytest.raises(NotFound):
        confirm(payer=charlie)
    with pytest.raises(NotFound):
        confirm(order_id="order-unknown")
    assert company.asked == []


@pytest.mark.parametrize("amount", [10_999, 11_001, 0])
def test_another_amount_is_refused_before_the_gateway(
    confirm: Confirm, company: Company, amount: int
) -> None:
    with pytest.raises(Unprocessable) as refusal:
        confirm(amount=amount)
    assert refusal.value.code == "amount_mismatch"
    assert refusal.value.extra == {"expected": 11_000}
    assert company.asked == []


def test_a_declined_payment_can_be_tried_another_way(
    confirm: Confirm, order: Payment, company: Company
) -> None:
    company.before.append(declines)
    with pytest.raises(Conflict) as refusal:
        confirm()
    assert refusal.value.code == "payment_declined"
    order.refresh_from_db()
    assert (order.state, order.payment_key) == ("ready", "")
    assert escrow.escrow_held(SUBJECT) == 0
    assert confirm(payment_key="key-2").payment_key == "key-2"


def test_a_paid_order_takes_no_second_payment(confirm: Confirm, company: Company) -> None:
    confirm()
    with pytest.raises(Conflict) as refusal:
        confirm(payment_key="key-2")
    assert refusal.value.code == "already_paid"
    assert company.holds() == 11_000


def test_a_payment_under_way_keeps_others_out(confirm: Confirm, company: Company) -> None:
    company.before.append(is_silent)
    with pytest.raises(Unavailable):
        confirm()
    with pytest.raises(Conflict) as refusal:
        confirm(payment_key="key-2")
    assert refusal.value.code == "payment_in_progress"
    assert len(company.asked) == 1


@pytest.mark.parametrize("late", [LATER, LATER + dt.timedelta(days=1)])
def test_an_expired_order_is_refused_before_the_gateway(
    confirm: Confirm, company: Company, now: dt.datetime, late: dt.timedelta
) -> None:
    with pytest.raises(Conflict) as refusal:
        confirm(now=now + late)
    assert refusal.value.code == "payment_expired"
    assert company.asked == []


def test_the_last_moment_is_in_time(confirm: Confirm, now: dt.datetime) -> None:
    assert confirm(now=now + LATER - dt.timedelta(milliseconds=1)).state == "done"


# --- A crash or silence between the gateway's yes and our unit ---------------------------


@pytest.mark.parametrize(
    ("trouble", "error"), [(crashes, Crash), (is_silent, Unavailable)], ids=["crash", "silence"]
)
def test_confirming_again_repairs_a_lost_yes(
    confirm: Confirm,
    company: Company,
    now: dt.datetime,
    trouble: Callable[[], None],
    error: type[BaseException],
) -> None:
    company.after.append(trouble)
    with pytest.raises(error):
        confirm()
    assert (company.holds(), escrow.escrow_held(SUBJECT)) == (11_000, 0)
    # Even when the order's time is over meanwhile: its money was taken in time.
    assert confirm(now=now + LATER).state == "done"
    assert company.holds() == escrow.escrow_held(SUBJECT) == 11_000


def test_the_sweep_repairs_a_lost_yes(
    confirm: Confirm, company: Company, now: dt.datetime, news: list[tuple[str, str]]
) -> None:
    company.after.append(crashes)
    with pytest.raises(Crash):
        confirm()
    assert escrow.orders_expire(now=now + LATER) == 0
    assert escrow.orders_reconcile(now=now + LATER) == 1
    assert company.holds() == escrow.escrow_held(SUBJECT) == 11_000
    assert len(news) == 1
    assert escrow.orders_reconcile(now=now + LATER) == 0


def test_money_of_a_thing_that_is_over_goes_back(
    confirm: Confirm, company: Company, order: Payment, now: dt.datetime
) -> None:
    """The order expired while it was being paid: held first, then sent back."""
    company.after.append(crashes)
    with pytest.raises(Crash):
        confirm()
    escrow.orders_reconcile(now=now + LATER)
    refund = escrow.refund_order(order_id=order.order_id, reason="over", now=now + LATER)
    assert escrow.refund_send(refund_id=refund.pk, now=now + LATER)
    assert company.holds() == escrow.escrow_held(SUBJECT) == ledger.balance_of("gateway") == 0


def test_the_sweep_lets_go_of_what_was_declined_after_all(
    confirm: Confirm, company: Company, order: Payment, now: dt.datetime
) -> None:
    company.before.extend([is_silent, declines])
    with pytest.raises(Unavailable):
        confirm()
    assert escrow.orders_reconcile(now=now + LATER) == 0
    assert escrow.orders_expire(now=now + LATER) == 1
    order.refresh_from_db()
    assert order.state == PaymentState.EXPIRED
    assert company.holds() == 0


def test_the_sweep_waits_for_a_silent_gateway(
    confirm: Confirm, company: Company, now: dt.datetime
) -> None:
    company.before.extend([is_silent, is_silent])
    with pytest.raises(Unavailable):
        confirm()
    assert escrow.orders_reconcile(now=now) == 0
    assert escrow.orders_reconcile(now=now) == 1


def test_a_charge_is_held_only_after_it_was_taken(
    order: Payment, alice: User, now: dt.datetime
) -> None:
    charge = escrow.Charge(
        order_id=order.order_id, payer=alice, payment_key="k", amount=11_000, now=now
    )
    with pytest.raises(AssertionError):
        charge.hold()
    assert escrow.escrow_held(SUBJECT) == 0


# --- Orders that nobody pays ---------------------------------------------------------------


def test_unpaid_orders_expire_in_time(order: Payment, confirm: Confirm, now: dt.datetime) -> None:
    assert escrow.orders_expire(now=now + LATER - dt.timedelta(milliseconds=1)) == 0
    assert escrow.orders_expire(now=now + LATER) == 1
    assert escrow.orders_expire(now=now + LATER) == 0
    order.refresh_from_db()
    assert order.state == PaymentState.EXPIRED
    with pytest.raises(Conflict) as refusal:
        confirm()
    assert refusal.value.code == "payment_expired"


def test_a_paid_order_does_not_expire(confirm: Confirm, now: dt.datetime) -> None:
    confirm()
    assert escrow.orders_expire(now=now + LATER) == 0
