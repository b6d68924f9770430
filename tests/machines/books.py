"""What has to be true of all money: after every step, and once everybody has answered."""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import Any

from django.db.models import QuerySet, Sum

from accounts.models import User
from errands.models import Errand, ErrandEvent
from errands.states import FUNDED, Move
from payments import ledger
from payments.models import (
    Account,
    Entry,
    Payment,
    PaymentState,
    Payout,
    PayoutState,
    Refund,
    RefundState,
    Transfer,
)
from payments.selectors import balance_of_user, books_balance, expenses_of_user
from tests.machines.bank import Bank
from tests.machines.company import ForgetfulGateway
from tests.payments.gateway import MemoryGateway

UNDER_WAY = [PayoutState.REQUESTED, PayoutState.BATCHED]


def assert_ledger_is_whole() -> None:
    """Transfers sum to zero, floors hold, balances are what was entered, references are single."""
    books = books_balance()
    assert books.total == 0
    assert books.drifted == []
    assert not Account.objects.filter(balance__lt=0).exists()
    sums = Transfer.objects.annotate(total=Sum("entries__amount")).values_list("reference", "total")
    assert all(total == 0 for _reference, total in sums)
    assert len({reference for reference, _total in sums}) == len(sums)


def assert_escrow_is_explained() -> None:
    """It holds the live errands' totals, and beyond that only payments still unheard of."""
    escrow, live, unheard = books_balance().escrow, _live(), _unheard()
    for subject in {*escrow, *live, *unheard}:
        beyond = escrow.get(subject, 0) - live.get(subject, 0)
        assert 0 <= beyond <= unheard.get(subject, 0), subject


def assert_refunds_are_counted() -> None:
    """What waits lies on its account, and no payment gives back more than it brought."""
    waiting = Refund.objects.filter(state=RefundState.REQUESTED)
    assert ledger.balance_of(ledger.REFUNDS) == _sum(waiting, "amount")
    for payment in Payment.objects.prefetch_related("refunds"):
        assert payment.refunded == sum(refund.amount for refund in payment.refunds.all())
        assert 0 <= payment.refunded <= payment.amount


def assert_company_moved_each_won_once() -> None:
    """What is paid was taken and what is done was sent, once; nothing moved that we don't know."""
    for payment in Payment.objects.all():
        taken = MemoryGateway.taken_for(payment.order_id)
        assert taken in _may_be_taken(payment), payment.state
    sent = ForgetfulGateway.sent_by_refund()
    for refund in Refund.objects.all():
        moved = sent.pop(refund.reference, None)
        assert moved == refund.amount or (moved is None and refund.state != RefundState.DONE)
    assert not sent


def _may_be_taken(payment: Payment) -> set[int]:
    if payment.state == PaymentState.DONE:
        return {payment.amount}
    return {0, payment.amount} if payment.state == PaymentState.UNKNOWN else {0}


def assert_payouts_are_counted(people: list[User], bank: Bank) -> None:
    """Earned, or laid out, is on its account, under way or paid out; the bank paid what we call
    paid."""
    under_way = _payouts(*UNDER_WAY)
    leaving = _sum(under_way, "gross") + _sum(under_way, "untaxed")
    assert ledger.balance_of(ledger.PAYOUTS) == leaving
    paid = _payouts(PayoutState.PAID)
    withheld = _sum(paid, "income_tax") + _sum(paid, "local_tax")
    assert ledger.balance_of(ledger.TAX) == withheld
    for user in people:
        gone = _payouts(*UNDER_WAY, PayoutState.PAID).filter(user=user)
        earned, laid_out = ledger.user_account(user.pk), ledger.expenses_account(user.pk)
        assert balance_of_user(user) == _gained(earned) - _sum(gone, "gross")
        assert expenses_of_user(user) == _gained(laid_out) - _sum(gone, "untaxed")
    for payout in _payouts(PayoutState.PAID, PayoutState.FAILED).prefetch_related("batch"):
        assert bank.said[payout.reference] is (payout.state == PayoutState.PAID)
        assert payout.batch is not None
        assert payout.batch.approved_by_id not in {None, payout.batch.made_by_id}


def assert_all_is_settled(bank: Bank) -> None:
    """Everybody has answered: nothing is open, and three books say the same."""
    assert not Payment.objects.filter(state=PaymentState.UNKNOWN).exists()
    assert not Refund.objects.filter(state=RefundState.REQUESTED).exists()
    assert books_balance().escrow == _live()
    assert MemoryGateway.holds() - bank.left == -ledger.balance_of(ledger.GATEWAY)


def _live() -> dict[str, int]:
    live = Errand.objects.filter(state__in=FUNDED)
    return {errand.reference: errand.total for errand in live}


def _unheard() -> Counter[str]:
    """Sum the paid orders that no errand has heard of, by their subject."""
    moves = ErrandEvent.objects.filter(move__in=[Move.FUND, Move.RAISE])
    heard = set(moves.values_list("note", flat=True))
    found: Counter[str] = Counter()
    for payment in Payment.objects.filter(state=PaymentState.DONE):
        if payment.order_id not in heard:
            found[payment.subject] += payment.amount - payment.refunded
    return found


def _gained(name: str) -> int:
    """Sum what an account gained, payouts and what came back of them aside."""
    account = Account.objects.filter(name=name).first()
    entries = Entry.objects.filter(account=account).prefetch_related("transfer")
    by_kind: defaultdict[str, int] = defaultdict(int)
    for entry in entries if account else []:
        by_kind[entry.transfer.kind] += entry.amount
    return sum(won for kind, won in by_kind.items() if kind not in {"payout", ledger.REVERSAL})


def _payouts(*states: PayoutState) -> QuerySet[Payout]:
    return Payout.objects.filter(state__in=states)


def _sum(rows: QuerySet[Any], column: str) -> int:
    total: int = rows.aggregate(sum=Sum(column, default=0))["sum"]
    return total
