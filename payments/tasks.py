"""What runs by itself: a hint that sends one refund, and the sweeps that need no hint."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from celery import shared_task

from common import clock
from common.broker.base import Sweep
from payments import escrow, payouts, services


@shared_task
def send_refund(*, refund_id: str, **_unknown: Any) -> None:
    escrow.refund_send(refund_id=UUID(refund_id), now=clock.now())


@shared_task(base=Sweep)
def sweep_refunds(**_unknown: Any) -> None:
    escrow.refunds_send(now=clock.now())


@shared_task(base=Sweep)
def sweep_orders(**_unknown: Any) -> None:
    """Finish what may be paid, then close what nobody paid."""
    escrow.orders_reconcile(now=clock.now())
    escrow.orders_expire(now=clock.now())


@shared_task(base=Sweep)
def sweep_payouts(**_unknown: Any) -> None:
    """Ask for the weekly payouts whose hour has come."""
    payouts.payouts_schedule(now=clock.now())


@shared_task
def process_webhook(*, webhook_id: str, **_unknown: Any) -> None:
    escrow.webhook_process(webhook_id=UUID(webhook_id), now=clock.now())


@shared_task(base=Sweep)
def sweep_webhooks(**_unknown: Any) -> None:
    escrow.webhooks_process(now=clock.now())
    escrow.webhooks_forget(now=clock.now())


@shared_task(base=Sweep)
def sweep_books(**_unknown: Any) -> None:
    """Compare the books with all that they have to agree with."""
    services.reconcile(now=clock.now())
