"""The ledger against the payment company's settlements of a day.

Ours and theirs are matched by order and amount. The clocks differ, and a day ends between a
question and its answer: what one side has of a day may stand in the other's next or last one.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from datetime import date, datetime, time, timedelta
from functools import cache

from django.db.models import QuerySet
from django.utils import timezone

from payments import ledger
from payments.audit.found import Found
from payments.gateways import TIMEOUT_S, Settlement, gateway
from payments.models import (
    Account,
    DifferenceKind,
    Entry,
    Payment,
    PaymentState,
    Refund,
    RefundState,
    Transfer,
)

CHUNK = 500
DAY = timedelta(days=1)
Lines = Callable[[date], list[Settlement]]
Amounts = Counter[tuple[str, int]]  # (order, won) → how many


def gateway_differences(days: list[date], *, today: date) -> dict[date, list[Found]]:
    """Compare each of ``days``, all over by ``today``; must not be called inside a unit of work.

    Raises:
        GatewayDown: nobody knows; nothing was compared.
    """

    @cache
    def lines(day: date) -> list[Settlement]:
        # The company knows a day once it is over.
        return gateway().settlements(day=day, timeout_s=TIMEOUT_S) if day < today else []

    return {day: list(_of_day(day, lines)) for day in days}


def _of_day(day: date, lines: Lines) -> Iterator[Found]:
    near = [line for on in (day - DAY, day, day + DAY) for line in lines(on)]
    orders = sorted({line.order_id for line in lines(day)})
    since = datetime.combine(day, time.min, timezone.get_default_timezone())
    payments = _taken().filter(paid_at__gte=since, paid_at__lt=since + DAY)
    refunds = _given_back().filter(done_at__gte=since, done_at__lt=since + DAY)
    for kind, ours, ours_at_any_time in (
        (DifferenceKind.PAYMENT, _holds(_orders(payments)), _holds(orders)),
        (DifferenceKind.CANCEL, _refunds(refunds), _refunds_of(orders)),
    ):
        here = ours - _theirs(near, kind)
        there = _theirs(lines(day), kind) - ours_at_any_time
        yield from _unequal(kind, here, there)


def _unequal(kind: DifferenceKind, here: Amounts, there: Amounts) -> Iterator[Found]:
    found, expected = _by_order(here), _by_order(there)
    for order in sorted({*found, *expected}):
        yield Found(kind, order, expected[order], found[order])


def _by_order(amounts: Amounts) -> Counter[str]:
    sums: Counter[str] = Counter()
    for (order, amount), times in amounts.items():
        sums[order] += amount * times
    return sums


def _theirs(lines: list[Settlement], kind: DifferenceKind) -> Amounts:
    return Counter((line.order_id, line.amount) for line in lines if line.kind == kind)


# --- Ours: what the ledger has, not what the rows say that it should have -----------------


def _taken() -> QuerySet[Payment]:
    return Payment.objects.filter(state=PaymentState.DONE)


def _given_back() -> QuerySet[Refund]:
    return Refund.objects.filter(state=RefundState.DONE)


def _orders(payments: QuerySet[Payment]) -> list[str]:
    return list(payments.values_list("order_id", flat=True))


def _holds(orders: list[str]) -> Amounts:
    return _booked({f"hold:{order}": order for order in orders})


def _refunds(refunds: QuerySet[Refund]) -> Amounts:
    rows = refunds.prefetch_related("payment")
    return _booked({f"sent:{row.reference}": row.payment.order_id for row in rows})


def _refunds_of(orders: list[str]) -> Amounts:
    found: Amounts = Counter()
    for chunk in _chunks(orders):
        payments = Payment.objects.filter(order_id__in=chunk).values_list("pk", flat=True)
        found += _refunds(_given_back().filter(payment__in=list(payments)))
    return found


def _booked(orders: Mapping[str, str]) -> Amounts:
    """Return what the gateway's account has by these transfers; ``orders`` are theirs."""
    account = Account.objects.filter(name=ledger.GATEWAY).first()
    found: Amounts = Counter()
    for chunk in _chunks(sorted(orders)):
        transfers = dict(
            Transfer.objects.filter(reference__in=chunk).values_list("pk", "reference")
        )
        entries = Entry.objects.filter(transfer__in=list(transfers), account=account)
        for transfer, amount in entries.values_list("transfer", "amount"):
            found[orders[transfers[transfer]], abs(amount)] += 1
    return found


def _chunks(keys: list[str]) -> Iterator[list[str]]:
    for start in range(0, len(keys), CHUNK):
        yield keys[start : start + CHUNK]
