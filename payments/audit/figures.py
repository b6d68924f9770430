"""Where all the money is and what finance staff have to see to, in a few queries."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, time, timedelta
from typing import NamedTuple
from uuid import UUID

from django.core.cache import cache
from django.db.models import Count, F, Q, Sum
from django.utils import timezone

from common.ids import first_at
from payments import ledger
from payments.audit.books import UNDER_WAY, UNSENT
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
    StaffRefund,
    StaffRefundState,
)

PERIODS = (1, 7, 30)  # days, today among them
STUCK = timedelta(minutes=10)  # a refund is sent within seconds
DAY_S = 86_400
NONE = (0, 0)
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
    users: int  # what people earned or laid out, and have not asked for
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
    """Return where the money is now, in eight queries; a day's first look costs three more."""
    kept, ledgers = _kept(), _ledgers(now)
    payouts = Payout.objects.filter(state__in=UNDER_WAY)
    leaving = Sum(F("gross") + F("untaxed"), default=0)
    refunds, stuck = _refunds(now)
    return Figures(
        escrow=kept.get(AccountKind.ESCROW, 0),
        users=sum(kept.get(kind, 0) for kind in ledger.OWNED),
        payouts=Waiting(**payouts.aggregate(rows=Count("pk"), amount=leaving)),
        refunds=refunds,
        refunds_stuck=stuck,
        fees=ledgers.sums[ledger.COMMISSION],
        tax=ledgers.sums[ledger.TAX],
        suspense=ledgers.sums[ledger.SUSPENSE],
        flows=ledgers.flows,
        differences=Difference.objects.filter(state=DifferenceState.OPEN).count(),
        batches=PayoutBatch.objects.filter(state=BatchState.MADE).count(),
        undecided=StaffRefund.objects.filter(state=StaffRefundState.WAITING).count(),
    )


def _kept() -> dict[str, int]:
    kinds = [AccountKind.ESCROW, *sorted(ledger.OWNED)]
    accounts = Account.objects.filter(kind__in=kinds, balance__gt=0).order_by()
    return dict(accounts.values_list("kind").annotate(Sum("balance")))


def _refunds(now: datetime) -> tuple[Waiting, int]:
    found = Refund.objects.filter(state__in=UNSENT).aggregate(
        count=Count("pk"),
        amount=Sum("amount", default=0),
        stuck=Count("pk", filter=Q(created_at__lt=now - STUCK)),
    )
    return Waiting(found["count"], found["amount"]), found["stuck"]


# --- Accounts without a kept balance -----------------------------------------------------

# Theirs is the sum of their entries. What was before today does not change any more, so it is added
# up once a day and kept in the cache; keys are in order of time, so that the rest is one range.

Sums = dict[str, tuple[int, int]]  # account → what it lost and what it gained, in won


class Ledgers(NamedTuple):
    sums: dict[str, int]
    flows: list[Flow]


def _ledgers(now: datetime) -> Ledgers:
    named = Account.objects.filter(name__in=[ledger.GATEWAY, *SUMMED])
    ours = dict(named.values_list("pk", "name"))
    before, today = _before(ours, now), _entered(ours, id__gte=_first_key(now, 1))
    both = {name: sum(before[0].get(name, NONE) + today.get(name, NONE)) for name in SUMMED}
    return Ledgers(both, [_flow(days, before[days], today) for days in PERIODS])


def _before(ours: dict[UUID, str], now: datetime) -> dict[int, Sums]:
    """Return the sums until today, of so many days with today; 0: of all."""
    first = _first_key(now, 1)
    found: dict[int, Sums] | None = cache.get(f"finance:{first}")
    if found is None:
        found = {
            days: _entered(ours, id__gte=_first_key(now, days), id__lt=first)
            for days in PERIODS
            if days > 1
        }
        found |= {0: _entered(ours, id__lt=first), 1: {}}
        # An entry of the last moments of a day may be committed a little later.
        if _first_key(now - STUCK, 1) == first:
            cache.set(f"finance:{first}", found, DAY_S)
    return found


def _entered(ours: dict[UUID, str], **keys: UUID) -> Sums:
    entries = Entry.objects.filter(account__in=list(ours), **keys).order_by()
    lost = Sum("amount", filter=Q(amount__lt=0), default=0)
    gained = Sum("amount", filter=Q(amount__gt=0), default=0)
    sums = entries.values_list("account").annotate(lost=lost, gained=gained)
    return {ours[account]: (minus, plus) for account, minus, plus in sums}


def _flow(days: int, before: Sums, today: Sums) -> Flow:
    lost, gained = zip(*(each.get(ledger.GATEWAY, NONE) for each in (before, today)), strict=True)
    earned = [sum(each.get(ledger.COMMISSION, NONE)) for each in (before, today)]
    # The gateway's account runs negative by what it keeps for us.
    return Flow(days, -sum(lost), sum(gained), sum(earned))


def _first_key(now: datetime, days: int) -> UUID:
    """Return the first key of the last so many days, today among them."""
    zone = timezone.get_default_timezone()
    first = timezone.localdate(now, zone) - timedelta(days=days - 1)
    return first_at(datetime.combine(first, time.min, zone))
