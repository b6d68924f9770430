"""Webhooks: kept, then settled by reading the order at the payment company."""

from __future__ import annotations

from datetime import datetime, timedelta
from uuid import UUID

from common.db import delete_all, in_one_unit, run_in_unit
from payments.escrow.reading import order_read
from payments.models import Payment, PaymentState, Webhook

BATCH = 50
PAUSE = timedelta(minutes=1)
KEPT = timedelta(days=30)


@in_one_unit
def webhook_store(*, key: str, kind: str, order_id: str, body: str, now: datetime) -> UUID:
    """Keep a webhook and return its id; IntegrityError if ``key`` was kept before."""
    kept = Webhook.objects.create(
        key=key, kind=kind, order_id=order_id, body=body, try_at=now, created_at=now
    )
    return kept.pk


def webhook_process(*, webhook_id: UUID, now: datetime) -> bool:
    """Read the order that a webhook is about; True if this call did so.

    Must not be called inside a unit of work. While the company is silent it stays for the sweep.
    """
    webhook = Webhook.objects.filter(pk=webhook_id, done_at=None).first()
    if webhook is None or not run_in_unit(lambda: _lease(webhook, now)):
        return False
    orders = Payment.objects.filter(order_id=webhook.order_id).prefetch_related("payer")
    payment = orders.get()
    order_read(payment=payment, now=now)
    payment.refresh_from_db()
    # Until the order is settled the news is not used up: a deposit may be told early.
    if payment.state == PaymentState.UNKNOWN:
        return False
    return run_in_unit(lambda: _finish(webhook, now))


def webhooks_process(*, now: datetime) -> int:
    """Look into the webhooks that wait, the longest waiting first; return how many are done."""
    waiting = Webhook.objects.filter(done_at=None, try_at__lte=now).order_by("try_at")
    keys = list(waiting.values_list("pk", flat=True)[:BATCH])
    return sum(webhook_process(webhook_id=key, now=now) for key in keys)


def webhooks_forget(*, now: datetime) -> int:
    """Delete the webhooks that were done with long ago; return how many."""
    return delete_all(Webhook.objects.filter(done_at__lt=now - KEPT))


def _lease(webhook: Webhook, now: datetime) -> bool:
    mine = Webhook.objects.filter(pk=webhook.pk, done_at=None, attempts=webhook.attempts)
    return bool(mine.update(attempts=webhook.attempts + 1, try_at=now + PAUSE))


def _finish(webhook: Webhook, now: datetime) -> bool:
    return bool(Webhook.objects.filter(pk=webhook.pk, done_at=None).update(done_at=now))
