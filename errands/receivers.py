"""What errands do when payments have news."""

from __future__ import annotations

from typing import Any

from common import clock
from errands.selectors import total_needed, totals_held
from errands.services import is_ours, payment_apply
from payments.models import Payment
from payments.signals import escrow_asked, escrow_funded


def connect() -> None:
    escrow_funded.connect(on_escrow_funded, dispatch_uid="errands")
    escrow_asked.connect(on_escrow_asked, dispatch_uid="errands")


def on_escrow_funded(*, order_id: str, **_news: Any) -> None:
    """Do what was paid for. Should this be lost, ``sweep_funded`` does it."""
    payment = Payment.objects.get(order_id=order_id)
    if is_ours(payment.reference):
        payment_apply(payment=payment, now=clock.now())


def on_escrow_asked(*, subject: str | None, **_question: Any) -> dict[str, int]:
    """Say what escrow has to hold for live errands: the total of each."""
    return totals_held() if subject is None else total_needed(subject)
