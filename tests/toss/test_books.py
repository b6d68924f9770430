"""Our books beside the company's own, whatever happens between us."""

from __future__ import annotations

import datetime as dt
from contextlib import suppress

import pytest

from accounts.models import User
from common.errors import Conflict, Unavailable
from payments import escrow, ledger
from payments.models import Payment, PaymentState
from tests.toss.conftest import SUBJECT
from tests.toss.server import BROKEN, DROP, TossServer

pytestmark = pytest.mark.django_db(transaction=True)
DAY = dt.timedelta(days=1)


def confirm(order: Payment, key: str, now: dt.datetime) -> Payment:
    return escrow.order_confirm(
        order_id=order.order_id, payer=order.payer, payment_key=key, amount=11_000, now=now
    )


def state_of(order: Payment) -> str:
    order.refresh_from_db()
    return order.state


def assert_same_books(toss: TossServer, held: int) -> None:
    assert toss.company.holds() == -ledger.balance_of(ledger.GATEWAY) == held


@pytest.mark.parametrize("what", [DROP, BROKEN])
@pytest.mark.parametrize("when", ["before", "after"])
def test_an_unknown_outcome_is_a_state_that_reading_settles(
    toss: TossServer, order: Payment, now: dt.datetime, when: str, what: str
) -> None:
    key = toss.company.agree(order.order_id, 11_000)
    toss.troubles.append((when, what))
    with pytest.raises(Unavailable):
        confirm(order, key, now)
    assert state_of(order) == PaymentState.UNKNOWN
    assert escrow.orders_expire(now=now + DAY) == 0
    assert escrow.orders_reconcile(now=now + DAY) == 1
    assert state_of(order) == PaymentState.DONE
    assert_same_books(toss, 11_000)


def test_reading_asks_for_no_money_where_some_was_taken(
    toss: TossServer, order: Payment, now: dt.datetime
) -> None:
    key = toss.company.agree(order.order_id, 11_000)
    toss.troubles.append(("after", BROKEN))
    with suppress(Unavailable):
        confirm(order, key, now)
    assert escrow.orders_reconcile(now=now) == 1
    assert len(toss.company.asked) == 1


def test_what_ran_out_at_the_company_is_free_again(
    toss: TossServer, order: Payment, now: dt.datetime
) -> None:
    key = toss.company.agree(order.order_id, 11_000)
    toss.troubles.append(("before", DROP))
    with suppress(Unavailable):
        confirm(order, key, now)
    toss.company.expire(key)
    assert escrow.orders_reconcile(now=now) == 0
    assert state_of(order) == PaymentState.READY
    assert confirm(order, toss.company.agree(order.order_id, 11_000), now).state == "done"
    assert_same_books(toss, 11_000)


def test_a_second_card_is_asked_anew(toss: TossServer, order: Payment, now: dt.datetime) -> None:
    with pytest.raises(Conflict):
        confirm(order, toss.company.agree(order.order_id, 11_000, method="거절"), now)
    assert confirm(order, toss.company.agree(order.order_id, 11_000), now).state == "done"


@pytest.mark.parametrize("trouble", [("before", DROP), ("after", DROP), ("after", BROKEN)])
def test_a_refund_goes_out_once_and_is_booked_once(
    toss: TossServer, order: Payment, bob: User, now: dt.datetime, trouble: tuple[str, str]
) -> None:
    confirm(order, toss.company.agree(order.order_id, 11_000), now)
    escrow.settle(
        reference=SUBJECT, kind="t", pay={bob.pk: 3_000}, commission=1_000, refund=7_000, now=now
    )
    toss.troubles.append(trouble)
    assert escrow.refunds_send(now=now) == 0
    toss.company.answers.clear()  # as after 15 days: its idempotency keys are forgotten
    assert escrow.refunds_send(now=now + DAY) == 1
    assert_same_books(toss, 4_000)
    assert ledger.balance_of(ledger.REFUNDS) == 0


@pytest.mark.parametrize("late", [False, True])
def test_money_under_a_key_that_we_never_saw_is_found_by_its_order(
    toss: TossServer, order: Payment, now: dt.datetime, late: bool
) -> None:
    """As after a restored backup: the company took it, and we know nothing of that."""
    assert not escrow.order_read(payment=order, now=now)
    key = toss.company.agree(order.order_id, 11_000)
    assert not escrow.order_read(payment=order, now=now)  # agreed, but not taken
    toss.company.confirm({"paymentKey": key, "orderId": order.order_id, "amount": 11_000})
    if late:
        assert escrow.orders_expire(now=now + DAY) == 1
        order.refresh_from_db()
    assert escrow.order_read(payment=order, now=now)
    assert (state_of(order), order.payment_key) == (PaymentState.DONE, key)
    assert not escrow.order_read(payment=order, now=now)
    assert_same_books(toss, 11_000)


def test_another_amount_under_our_order_is_not_ours(
    toss: TossServer, order: Payment, now: dt.datetime
) -> None:
    key = toss.company.agree(order.order_id, 9_000)
    toss.company.confirm({"paymentKey": key, "orderId": order.order_id, "amount": 9_000})
    assert not escrow.order_read(payment=order, now=now)
    assert (state_of(order), order.payment_key) == (PaymentState.READY, "")


def test_who_pays_meanwhile_keeps_the_order(
    toss: TossServer, order: Payment, now: dt.datetime
) -> None:
    known_before = Payment.objects.get(pk=order.pk)
    key = toss.company.agree(order.order_id, 11_000)
    confirm(order, key, now)
    assert not escrow.order_read(payment=known_before, now=now)
    assert_same_books(toss, 11_000)


def test_a_virtual_account_is_paid_when_the_deposit_is_there(
    toss: TossServer, order: Payment, now: dt.datetime
) -> None:
    key = toss.company.agree(order.order_id, 11_000, method="가상계좌")
    waiting = confirm(order, key, now)
    assert (waiting.state, waiting.deposit_to) == (PaymentState.WAITING, "우리은행 X6505636518308")
    assert confirm(order, key, now).state == PaymentState.WAITING
    assert_same_books(toss, 0)
    # It may take longer than an order that nobody confirmed.
    assert escrow.orders_expire(now=now + DAY) == escrow.orders_reconcile(now=now) == 0
    toss.company.deposit(key)
    assert escrow.order_read(payment=waiting, now=now)
    assert state_of(order) == PaymentState.DONE
    assert_same_books(toss, 11_000)


def test_a_virtual_account_that_nobody_pays_into_runs_out(
    toss: TossServer, order: Payment, now: dt.datetime
) -> None:
    key = toss.company.agree(order.order_id, 11_000, method="가상계좌")
    waiting = confirm(order, key, now)
    toss.company.expire(key)
    assert waiting.deposit_until is not None
    over = waiting.deposit_until + DAY
    assert escrow.orders_reconcile(now=over) == 0
    assert escrow.orders_expire(now=over) == 1
    assert state_of(order) == PaymentState.EXPIRED
    assert_same_books(toss, 0)
