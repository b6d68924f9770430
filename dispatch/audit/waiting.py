"""What has waited longer than the sweep that should have ended it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from dispatch.audit.findings import Finding
from dispatch.models import Offer, OfferState
from errands.models import Errand
from errands.states import LIVE
from payments.models import Payment, PaymentState, Refund, RefundState

CHUNK = 2_000
OFFER_LATE = timedelta(seconds=60)
ERRAND_LATE = timedelta(seconds=120)
ORDER_LATE = timedelta(minutes=10)
REFUND_LATE = timedelta(minutes=10)


def waiting_findings(*, now: datetime) -> Iterator[Finding]:
    yield from _offers(now)
    yield from _errands(now)
    yield from _money(now)


def _offers(now: datetime) -> Iterator[Finding]:
    late = Offer.objects.filter(state=OfferState.OFFERED, expires_at__lt=now - OFFER_LATE)
    for offer_id, at in late.values_list("pk", "expires_at").iterator(chunk_size=CHUNK):
        yield Finding("offer_stuck", f"offer:{offer_id}", f"ran out at {at:%H:%M:%S}")


def _errands(now: datetime) -> Iterator[Finding]:
    late = Errand.objects.filter(state__in=sorted(LIVE), due_at__lt=now - ERRAND_LATE)
    rows = late.values_list("pk", "state", "due_at")
    for errand_id, state, at in rows.iterator(chunk_size=CHUNK):
        yield Finding("errand_stuck", f"errand:{errand_id}", f"{state}, due at {at:%H:%M:%S}")


def _money(now: datetime) -> Iterator[Finding]:
    refunds = Refund.objects.filter(
        state=RefundState.REQUESTED, created_at__lt=now - REFUND_LATE
    ).values_list("reference", "attempts")
    for reference, attempts in refunds.iterator(chunk_size=CHUNK):
        yield Finding("refund_stuck", reference, f"not sent after {attempts} tries")
    orders = Payment.objects.filter(
        state__in=[PaymentState.READY, PaymentState.UNKNOWN],
        expires_at__lt=now - ORDER_LATE,
    ).values_list("order_id", "expires_at")
    for order_id, at in orders.iterator(chunk_size=CHUNK):
        yield Finding("order_stuck", order_id, f"ran out at {at:%H:%M:%S}")
