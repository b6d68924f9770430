"""The ledger against itself, and against what it is for."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta

from django.db.models import F, Sum

from dispatch.audit.findings import Finding
from errands.models import ErrandEvent, Tip
from errands.states import PAID_MOVES
from payments.models import (
    OWED,
    Account,
    AccountKind,
    Entry,
    Payment,
    PaymentState,
    Refund,
    Transfer,
)
from payments.selectors import books_balance

CHUNK = 2_000
# News of a payment goes up after its commit: for so long escrow may be ahead of the errand.
NEWS_TAKES = timedelta(seconds=120)


def money_findings(held: Mapping[str, int], *, now: datetime) -> tuple[int, list[Finding]]:
    """Return how many transfers there are and what is wrong; ``held`` is what escrow must hold."""
    books = books_balance()
    findings = [
        *_books(books.total, books.drifted),
        *_transfers(),
        *_escrow(held, books.escrow, coming=_news_coming(now)),
        *_refunds(),
    ]
    return Transfer.objects.count(), findings


def _books(total: int, drifted: list[str]) -> Iterator[Finding]:
    if total:
        yield Finding("ledger_not_zero", "ledger", f"all entries sum to {total}")
    for name in drifted:
        yield Finding("balance_drifted", name, "the balance is not the sum of the entries")
    below = Account.objects.filter(balance__lt=0).values_list("name", "balance")
    for name, balance in below.iterator(chunk_size=CHUNK):
        yield Finding("balance_negative", name, str(balance))


def _transfers() -> Iterator[Finding]:
    sums = Entry.objects.order_by().values("transfer__reference").annotate(sum=Sum("amount"))
    wrong = sums.exclude(sum=0).values_list("transfer__reference", "sum")
    for reference, amount in wrong.iterator(chunk_size=CHUNK):
        yield Finding("transfer_not_zero", reference, f"sums to {amount}")
    empty = Transfer.objects.filter(entries=None).values_list("reference", flat=True)
    for reference in empty.iterator(chunk_size=CHUNK):
        yield Finding("transfer_empty", reference, "has no entries")


def _escrow(
    held: Mapping[str, int], escrow: Mapping[str, int], *, coming: Mapping[str, int]
) -> Iterator[Finding]:
    for subject in sorted({*held, *escrow}):
        must, has = held.get(subject, 0) + coming.get(subject, 0), escrow.get(subject, 0)
        if must != has:
            yield Finding("escrow_wrong", subject, f"holds ₩{has}, must hold ₩{must}")


def _news_coming(now: datetime) -> dict[str, int]:
    """Return what escrow holds of payments whose errand has not heard of them yet."""
    coming: Counter[str] = Counter()
    paid = Payment.objects.filter(state=PaymentState.DONE, paid_at__gt=now - NEWS_TAKES)
    orders = {payment.order_id: payment for payment in paid}
    moves = ErrandEvent.objects.filter(move__in=PAID_MOVES, note__in=list(orders))
    tips = Tip.objects.filter(order_id__in=list(orders), paid_at__isnull=False)
    known = {*moves.values_list("note", flat=True), *tips.values_list("order_id", flat=True)}
    for order_id in set(orders) - known:
        payment = orders[order_id]
        coming[payment.subject] += payment.amount - payment.refunded
    return coming


def _refunds() -> Iterator[Finding]:
    under_way = Refund.objects.filter(state__in=OWED)
    asked = under_way.aggregate(sum=Sum("amount", default=0))["sum"]
    kept = Entry.objects.filter(account__kind=AccountKind.REFUNDS)
    booked = kept.aggregate(sum=Sum("amount", default=0))["sum"]
    if asked != booked:
        detail = f"₩{asked} are under way, the ledger has ₩{booked}"
        yield Finding("refunds_wrong", AccountKind.REFUNDS.value, detail)
    totals = Payment.objects.annotate(sum=Sum("refunds__amount", default=0))
    wrong = totals.exclude(refunded=F("sum")).values_list("order_id", "refunded", "sum")
    for order_id, refunded, amount in wrong.iterator(chunk_size=CHUNK):
        detail = f"says ₩{refunded}, its refunds are ₩{amount}"
        yield Finding("refunded_wrong", order_id, detail)
