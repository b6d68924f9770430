"""The books at the end of a month: a trial balance, and all that does not agree."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from typing import NamedTuple

from django.db.models import F, Sum

from benchmarks.month.world import World
from dispatch.audit.money import money_findings
from errands.models import Errand
from errands.states import FUNDED
from payments import ledger
from payments.models import (
    PERHAPS,
    Account,
    AccountKind,
    Payment,
    PaymentState,
    Payout,
    PayoutState,
)


class Line(NamedTuple):
    """What the accounts of a kind hold together; one of the two is 0."""

    kind: str
    debit: int
    credit: int


def trial_balance() -> list[Line]:
    """Return a line for every kind of account, from the entries alone."""
    held: defaultdict[str, int] = defaultdict(int)
    for account in Account.objects.annotate(entered=Sum("entries__amount", default=0)):
        held[account.kind] += account.entered
    return [Line(kind.value, max(-held[kind], 0), max(held[kind], 0)) for kind in AccountKind]


def differences(world: World) -> list[str]:
    """Compare the ledger with itself, with errands, with payouts and with what others keep."""
    balance = trial_balance()
    debit, credit = sum(line.debit for line in balance), sum(line.credit for line in balance)
    live = {each.reference: each.total for each in Errand.objects.filter(state__in=FUNDED)}
    _transfers, findings = money_findings(live, now=world.now)
    return [
        *_unequal("trial balance", debit, credit),
        *(f"{each.code} {each.subject}: {each.detail}" for each in findings),
        *_orders(world),
        *_payouts(world),
        *_unequal("custody", _custody(world), -ledger.balance_of(ledger.GATEWAY)),
    ]


def _unequal(what: str, one: int, other: int) -> Iterator[str]:
    if one != other:
        yield f"{what}: {one:,} is not {other:,}"


def _custody(world: World) -> int:
    """What the payment company holds for us by its own books, less what the bank paid out."""
    return world.company.company.holds() - world.bank.left


def _orders(world: World) -> Iterator[str]:
    """Order by order: the company holds what was paid and not sent back."""
    theirs: defaultdict[str, int] = defaultdict(int)
    for payment in world.company.company.payments.values():
        if payment["status"] in {"DONE", "PARTIAL_CANCELED", "CANCELED"}:
            theirs[payment["orderId"]] += payment["balanceAmount"]
    for order in Payment.objects.iterator():
        ours = order.amount - order.refunded if order.state == PaymentState.DONE else 0
        yield from _unequal(f"order {order.order_id}", ours, theirs[order.order_id])
        if order.state in PERHAPS:
            yield f"order {order.order_id}: still {order.state}"


def _payouts(world: World) -> Iterator[str]:
    """Payout by payout against the bank, and person by person against the account."""
    gone: defaultdict[str, int] = defaultdict(int)
    for payout in Payout.objects.iterator():
        said = {None: PayoutState.BATCHED, True: PayoutState.PAID, False: PayoutState.FAILED}
        if payout.state != said[world.bank.said.get(payout.reference)]:
            yield f"{payout.reference}: {payout.state}, and the bank says otherwise"
        if payout.state != PayoutState.FAILED:
            gone[ledger.user_account(payout.user_id)] += payout.gross
            gone[ledger.expenses_account(payout.user_id)] += payout.untaxed
    for runner in world.runners:
        for name in (ledger.user_account(runner.pk), ledger.expenses_account(runner.pk)):
            yield from _unequal(name, ledger.balance_of(name), _settled(name) - gone[name])
    paid = Payout.objects.filter(state=PayoutState.PAID)
    tax = paid.aggregate(sum=Sum(F("income_tax") + F("local_tax"), default=0))["sum"]
    yield from _unequal("tax", ledger.balance_of(ledger.TAX), tax)


def _settled(name: str) -> int:
    """Sum what errands and tips brought to an account."""
    account = Account.objects.filter(name=name).first()
    if account is None:
        return 0
    settled = account.entries.filter(transfer__reference__startswith="settle:")
    total: int = settled.aggregate(sum=Sum("amount", default=0))["sum"]
    return total
