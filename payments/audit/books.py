"""The ledger against the copies and the lists that are kept beside it."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from uuid import UUID

from django.db.models import F, Sum
from django.db.models.query import QuerySet

from common.db import one_moment
from payments import ledger
from payments.audit.found import Found
from payments.models import (
    OWED,
    Account,
    DifferenceKind,
    Entry,
    Payout,
    PayoutState,
    Refund,
)
from payments.selectors import tax_remitted

CHUNK = 1_000
UNDER_WAY = (PayoutState.REQUESTED, PayoutState.BATCHED)


def balance_differences() -> list[Found]:
    """Compare every kept balance with the sum of its entries.

    A chunk of accounts is one moment: that of all would be longer than MongoDB keeps one.
    """
    keys = Account.objects.filter(balance__isnull=False).order_by("pk")
    rows = keys.values_list("pk", flat=True).iterator(chunk_size=CHUNK)
    found: list[Found] = []
    while chunk := list(islice(rows, CHUNK)):
        found += _balances(chunk)
    return found


def _balances(chunk: list[UUID]) -> Iterator[Found]:
    with one_moment():
        accounts = list(Account.objects.filter(pk__in=chunk).values_list("pk", "name", "balance"))
        entries = Entry.objects.filter(account__in=chunk).order_by()
        sums = dict(entries.values_list("account").annotate(Sum("amount")))
    for key, name, kept in accounts:
        if kept is not None and kept != sums.get(key, 0):
            yield Found(DifferenceKind.BALANCE, name, sums.get(key, 0), kept)


def account_differences() -> list[Found]:
    """Compare the accounts of what is under way, and of the tax, with the rows they stand for."""
    with one_moment():
        pairs = [
            (DifferenceKind.REFUNDS, ledger.REFUNDS, _refunds()),
            (DifferenceKind.PAYOUTS, ledger.PAYOUTS, _payouts()),
            (DifferenceKind.TAX, ledger.TAX, _withheld() - tax_remitted()),
        ]
        looked = [Found(kind, name, must, ledger.balance_of(name)) for kind, name, must in pairs]
    return [found for found in looked if found.expected != found.found]


def _refunds() -> int:
    return _sum(Refund.objects.filter(state__in=OWED), F("amount"))


def _payouts() -> int:
    return _sum(Payout.objects.filter(state__in=UNDER_WAY), F("gross") + F("untaxed"))


def _withheld() -> int:
    paid = Payout.objects.filter(state=PayoutState.PAID)
    return _sum(paid, F("income_tax") + F("local_tax"))


def _sum(rows: QuerySet[Refund] | QuerySet[Payout], what: object) -> int:
    total: int = rows.aggregate(total=Sum(what, default=0))["total"]
    return total
