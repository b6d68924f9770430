"""Where all the money is and what finance staff have to see to, in a few queries."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, time, timedelta
from typing import NamedTuple
from uuid import UUID

from django.db.models import Count, Q, Sum
from django.utils import timezone

from common.ids import first_at
from payments import ledger
from payments.audit.books import UNDER_WAY
from payments.models import (
    Account,
    AccountKind,
    BatchState,
    Difference,
    DifferenceState,
    Entry,
    Payout,
    PayoutBatch,
    Refund,
    RefundState,
    StaffRefund,
    StaffRefundState,
)

PERIODS = (1, 7, 30)  # days, today among them
STUCK = timedelta(minutes=10)  # a refund is sent within seconds
SUMMED = (ledger.COMMISSION, ledger.TAX, ledger.SUSPENSE)


class Waiting(NamedTuple):
    """So many, of so much together, in won."""

    rows: int
    amount: int


class Flow(NamedTuple):
    """What came in at the gateway, what went out, and what of it we earned, in won."""

    days: int
    came: int
    went: int
    earned: int


@dataclass(frozen=True, kw_only=True)
class Figures:
    """One look; amounts in won."""

    escrow: int
    users: int  # what people earned and have not asked for
    payouts: Waiting
    refunds: Waiting
    refunds_stuck: int
    fees: int
    tax: int
    suspense: int
    flows: list[Flow]
    differences: int
    batches: int
    undecided: int  # staff refunds above a limit

    @property
    def gateway(self) -> int:
        """What the company keeps for us: all there is. The ledger's own account is the rest of it,
        and too long to be added up for a page."""
        held = self.escrow + self.users + self.payouts.amount + self.refunds.amount
        return held + self.fees + self.tax + self.suspense


def figures(*, now: datetime) -> Figures:
    """Return where the money is now, in nine queries."""
    kept, ours = _kept(), _platform()
    sums = _sums(ours)
    payouts = Payout.objects.filter(state__in=UNDER_WAY)
    refunds, stuck = _refunds(now)
    return Figures(
        escrow=kept.get(AccountKind.ESCROW, 0),
        users=kept.get(AccountKind.USER, 0),
        payouts=Waiting(**payouts.aggregate(rows=Count("pk"), amount=Sum("gross", default=0))),
        refunds=refunds,
        refunds_stuck=stuck,
        fees=sums.get(ledger.COMMISSION, 0),
        tax=sums.get(ledger.TAX, 0),
        suspense=sums.get(ledger.SUSPENSE, 0),
        flows=_flows(ours, now),
        differences=Difference.objects.filter(state=DifferenceState.OPEN).count(),
        batches=PayoutBatch.objects.filter(state=BatchState.MADE).count(),
        undecided=StaffRefund.objects.filter(state=StaffRefundState.WAITING).count(),
    )


def _kept() -> dict[str, int]:
    kinds = [AccountKind.ESCROW, AccountKind.USER]
    accounts = Account.objects.filter(kind__in=kinds, balance__gt=0).order_by()
    return dict(accounts.values_list("kind").annotate(Sum("balance")))


def _platform() -> dict[str, UUID]:
    named = Account.objects.filter(name__in=[ledger.GATEWAY, *SUMMED])
    return dict(named.values_list("name", "pk"))


def _sums(ours: dict[str, UUID]) -> dict[str, int]:
    keys = {ours[name]: name for name in SUMMED if name in ours}
    entries = Entry.objects.filter(account__in=list(keys)).order_by()
    sums = entries.values_list("account").annotate(Sum("amount"))
    return {keys[account]: amount for account, amount in sums}


def _refunds(now: datetime) -> tuple[Waiting, int]:
    found = Refund.objects.filter(state=RefundState.REQUESTED).aggregate(
        count=Count("pk"),
        amount=Sum("amount", default=0),
        stuck=Count("pk", filter=Q(created_at__lt=now - STUCK)),
    )
    return Waiting(found["count"], found["amount"]), found["stuck"]


def _flows(ours: dict[str, UUID], now: datetime) -> list[Flow]:
    """Keys are in order of time, so that an account's entries since a day are one range."""
    gateway, commission = ours.get(ledger.GATEWAY), ours.get(ledger.COMMISSION)
    since = {days: _first_key(now, days) for days in PERIODS}
    entries = Entry.objects.filter(
        account__in=[key for key in (gateway, commission) if key], id__gte=since[max(PERIODS)]
    )
    sums: dict[str, Sum] = {}
    for days, key in since.items():
        there = Q(account=gateway, id__gte=key)
        # The gateway's account runs negative by what it keeps for us.
        sums[f"came{days}"] = Sum("amount", filter=there & Q(amount__lt=0), default=0)
        sums[f"went{days}"] = Sum("amount", filter=there & Q(amount__gt=0), default=0)
        earned = Q(account=commission, id__gte=key)
        sums[f"earned{days}"] = Sum("amount", filter=earned, default=0)
    found = entries.aggregate(**sums)
    return [
        Flow(days, -found[f"came{days}"], found[f"went{days}"], found[f"earned{days}"])
        for days in PERIODS
    ]


def _first_key(now: datetime, days: int) -> UUID:
    zone = timezone.get_default_timezone()
    first = timezone.localdate(now, zone) - timedelta(days=days - 1)
    return first_at(datetime.combine(first, time.min, zone))
