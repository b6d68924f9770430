"""Errands brought to where a test begins, by the same services as in life."""

from __future__ import annotations

from datetime import datetime

from accounts.models import User
from common.geo import Point
from errands import services
from errands.models import Errand, ErrandEvent, ProofKind
from errands.states import Kind
from payments import escrow
from payments.models import Payment

GANGNAM = Point(37.4979, 127.0276)
YEOKSAM = Point(37.5006, 127.0364)


def posted(requester: User, *, now: datetime) -> Errand:
    """A delivery that awaits its payment: one event."""
    quote = services.quote_create(
        requester=requester, kind=Kind.DELIVERY, pickup=GANGNAM, dropoff=YEOKSAM,
        pickup_address="강남역 11번 출구", dropoff_address="역삼역 3번 출구", now=now,
    )  # fmt: skip
    return services.errand_post(
        requester=requester, quote_id=quote.pk, reward=quote.reward_floor, title="케이크 픽업",
        note="", proof=ProofKind.PHOTO, ask_pickup_pin=False, now=now,
    )  # fmt: skip


def opened(requester: User, *, now: datetime) -> Errand:
    """Paid for and seen by runners: two events."""
    errand = posted(requester, now=now)
    order = Payment.objects.get(reference=errand.reference)
    escrow.order_confirm(
        order_id=order.order_id, payer=requester, payment_key="sandbox_story",
        amount=order.amount, now=now,
    )  # fmt: skip
    return services.errand_fund(errand_id=errand.pk, order_id=order.order_id, now=now)


def accepted(requester: User, runner: User, *, now: datetime) -> Errand:
    """Three events."""
    errand = opened(requester, now=now)
    return services.errand_accept(errand_id=errand.pk, runner=runner, now=now)


def event(errand: Errand, number: int) -> ErrandEvent:
    return ErrandEvent.objects.get(errand=errand, sequence=number)
