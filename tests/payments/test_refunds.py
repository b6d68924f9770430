from __future__ import annotations

import datetime as dt

import pytest

from accounts.models import User
from common.db import unit_of_work
from common.errors import Conflict
from common.ids import uuid7
from payments import escrow, ledger
from payments.escrow.refunds import LONGEST_PAUSE, _lease, pause_after
from payments.models import Payment, Refund, RefundState, Transfer
from payments.selectors import books_balance
from tests.payments.conftest import SUBJECT, Pay
from tests.payments.gateway import Crash, MemoryGateway, Trouble, crashes, declines, is_silent

pytestmark = pytest.mark.django_db(transaction=True)

Company = type[MemoryGateway]


@pytest.fixture
def refund(paid: Pay, now: dt.datetime) -> Refund:
    """All of Alice's ₩11,000 on its way back to her."""
    return escrow.refund_order(order_id=paid().order_id, reason="over", now=now)


def test_an_order_is_sent_back_whole(refund: Refund, company: Company, now: dt.datetime) -> None:
    assert (refund.amount, refund.payment.amount) == (11_000, 11_000)
    assert escrow.escrow_held(SUBJECT) == 0
    assert ledger.balance_of("refunds") == 11_000
    assert escrow.refund_send(refund_id=refund.pk, now=now)
    refund.refresh_from_db()
    assert (refund.state, refund.done_at, refund.attempts) == ("done", now, 1)
    assert company.sent == {refund.reference: 11_000}
    assert ledger.balance_of("refunds") == ledger.balance_of("gateway") == company.holds() == 0


def test_asked_again_it_is_the_same_refund(refund: Refund, now: dt.datetime) -> None:
    order_id = refund.payment.order_id
    assert escrow.refund_order(order_id=order_id, reason="again", now=now) == refund
    assert ledger.balance_of("refunds") == 11_000


def test_exactly_that_order_is_sent_back(paid: Pay, now: dt.datetime) -> None:
    paid(11_000)
    late = paid(2_000, reference=f"{SUBJECT}:raise:2000")
    assert escrow.refund_order(order_id=late.order_id, reason="late", now=now).amount == 2_000
    assert escrow.escrow_held(SUBJECT) == 11_000


def test_money_that_comes_after_the_settlement_is_sent_back(
    paid: Pay, bob: User, now: dt.datetime
) -> None:
    paid(11_000)
    escrow.settle(
        reference=SUBJECT, kind="x", pay={bob.pk: 11_000}, commission=0, refund=0, now=now
    )
    late = paid(2_000, reference=f"{SUBJECT}:raise:2000")
    escrow.refund_order(order_id=late.order_id, reason="late", now=now)
    assert escrow.escrow_held(SUBJECT) == 0
    assert ledger.balance_of(ledger.user_account(bob.pk)) == 11_000
    assert books_balance().sound


def test_what_was_paid_out_cannot_be_sent_back(paid: Pay, bob: User, now: dt.datetime) -> None:
    payment = paid(11_000)
    escrow.settle(
        reference=SUBJECT, kind="x", pay={bob.pk: 11_000}, commission=0, refund=0, now=now
    )
    with pytest.raises(ledger.Insufficient):
        escrow.refund_order(order_id=payment.order_id, reason="late", now=now)
    payment.refresh_from_db()
    assert payment.refunded == 0
    assert not Refund.objects.exists()


def test_what_was_not_paid_is_not_sent_back(order: Payment, now: dt.datetime) -> None:
    with pytest.raises(Conflict) as refusal:
        escrow.refund_order(order_id=order.order_id, reason="over", now=now)
    assert refusal.value.code == "not_paid"


def test_a_refund_is_sent_once(refund: Refund, company: Company, now: dt.datetime) -> None:
    assert escrow.refund_send(refund_id=refund.pk, now=now)
    assert not escrow.refund_send(refund_id=refund.pk, now=now)
    assert company.asked.count(refund.reference) == 1
    assert Transfer.objects.filter(kind="refund_sent").count() == 1


def test_an_unknown_refund_is_nothing_to_send(now: dt.datetime) -> None:
    assert not escrow.refund_send(refund_id=uuid7(), now=now)


@pytest.mark.parametrize("trouble", [is_silent, declines])
def test_a_failure_leaves_it_for_later(
    refund: Refund, company: Company, now: dt.datetime, trouble: Trouble
) -> None:
    company.before.append(trouble)
    assert not escrow.refund_send(refund_id=refund.pk, now=now)
    refund.refresh_from_db()
    assert (refund.state, refund.attempts) == (RefundState.REQUESTED, 1)
    assert now + dt.timedelta(seconds=15) <= refund.try_at <= now + dt.timedelta(seconds=30)
    assert escrow.refunds_send(now=now) == 0
    assert escrow.refunds_send(now=refund.try_at) == 1
    assert company.holds() == 0


def test_a_crash_after_the_money_moved_is_repaired(
    refund: Refund, company: Company, now: dt.datetime
) -> None:
    company.after.append(crashes)
    with pytest.raises(Crash):
        escrow.refund_send(refund_id=refund.pk, now=now)
    refund.refresh_from_db()
    assert refund.state == RefundState.REQUESTED
    assert escrow.refunds_send(now=refund.try_at) == 1
    assert company.sent == {refund.reference: 11_000}
    assert ledger.balance_of("gateway") == company.holds() == 0


def test_of_two_senders_one_asks_the_gateway(
    refund: Refund, company: Company, now: dt.datetime
) -> None:
    """The other read the row before the first counted its try."""
    Refund.objects.filter(pk=refund.pk).update(attempts=1)
    assert not _lease(refund, now)
    assert len(company.asked) == 1  # for the confirmation


def test_a_refund_that_was_booked_meanwhile_is_not_booked_again(
    refund: Refund, company: Company, now: dt.datetime
) -> None:
    """While the gateway answers the slow sender, a second one is through already."""
    company.after.append(lambda: send_in_between(refund, now))
    assert not escrow.refund_send(refund_id=refund.pk, now=now)
    assert ledger.balance_of("refunds") == 0
    assert ledger.balance_of("gateway") == 0


def send_in_between(refund: Refund, now: dt.datetime) -> None:
    assert escrow.refund_send(refund_id=refund.pk, now=now)


def test_the_sweep_takes_the_longest_waiting_first(paid: Pay, now: dt.datetime) -> None:
    made = [
        escrow.refund_order(
            order_id=paid(1_000, reference=f"thing:{n}", subject=f"thing:{n}").order_id,
            reason="over",
            now=now - dt.timedelta(minutes=n),
        )
        for n in (1, 3, 2)
    ]
    assert escrow.refunds_due(now=now) == [made[1].pk, made[2].pk, made[0].pk]
    assert escrow.refunds_due(now=now - dt.timedelta(minutes=2)) == [made[1].pk, made[2].pk]


def test_nothing_is_announced_before_the_commit(
    paid: Pay, company: Company, now: dt.datetime, hints: list[object]
) -> None:
    order_id = paid().order_id
    with unit_of_work():
        refund = escrow.refund_order(order_id=order_id, reason="over", now=now)
        assert hints == []
    assert hints == [refund.pk]


@pytest.mark.parametrize("attempts", [1, 2, 5, 8, 30_000])
def test_pauses_double_up_to_an_hour(attempts: int) -> None:
    whole = min(dt.timedelta(seconds=30 * 2 ** min(attempts - 1, 12)), LONGEST_PAUSE)
    assert all(whole / 2 <= pause_after(attempts) <= whole for _try in range(50))


def test_pauses_differ() -> None:
    assert len({pause_after(3) for _try in range(10)}) > 1
