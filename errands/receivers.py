"""What errands do when payments have news."""

from __future__ import annotations

from typing import Any

from common import clock
from errands.services import is_ours, payment_apply
from payments.models import Payment
from payments.signals import escrow_funded


def connect() -> None:
    escrow_funded.connect(on_escrow_funded, dispatch_uid="errands")


def on_escrow_funded(*, order_id: str, **_news: Any) -> None:
    """Do what was paid for. Should this be lost, ``sweep_funded`` does it."""
    payment = Payment.objects.get(order_id=order_id)
    if is_ours(payment.reference):
        payment_apply(payment=payment, now=clock.now())
