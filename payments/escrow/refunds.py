"""Refunds: written with the settlement that asks for them, sent to the gateway afterwards.

Until the gateway has them they sit on the ledger's ``refunds`` account. A refund is one row with
a time for its next try, so a crash anywhere is repaired by trying again: the gateway knows its
reference and sends the money once, and the row is marked done once.
"""

from __future__ import annotations

import logging
import secrets
from datetime import datetime, timedelta
from uuid import UUID

from django.db.models import F
from django.utils.translation import gettext_lazy as _

from common.db import in_one_unit, on_commit, run_in_unit
from common.errors import Conflict
from payments import ledger
from payments.escrow.receiving import account_ready, account_refused, receiver_of
from payments.gateways import (
    TIMEOUT_S,
    AccountRefused,
    Cancel,
    Declined,
    GatewayDown,
    gateway,
)
from payments.models import OWED, Payment, PaymentState, Refund, RefundState
from payments.signals import refund_requested

BATCH = 50
FIRST_PAUSE = timedelta(seconds=30)
LONGEST_PAUSE = timedelta(hours=1)

logger = logging.getLogger(__name__)


@in_one_unit
def refund_order(*, order_id: str, reason: str, now: datetime) -> Refund:
    """Send back what one order still has in escrow; asked again gives the same refund.

    For money that arrives when its subject is over, whether that was settled or not.

    Raises:
        Conflict: ``not_paid``; ``insufficient_funds`` if the money has been paid out.
    """
    payment = Payment.objects.get(order_id=order_id)
    if payment.state != PaymentState.DONE:
        raise Conflict("not_paid", _("This order is not paid."))
    left = payment.amount - payment.refunded
    if not left:
        return Refund.objects.filter(payment=payment).latest("id")
    return refund_part(
        payment=payment, amount=left, source=ledger.escrow_account(payment.subject),
        kind="refund_order", reference=f"refund:{order_id}", reason=reason, now=now,
    )  # fmt: skip


@in_one_unit
def refund_part(
    *, payment: Payment, amount: int, source: str, kind: str, reference: str, reason: str,
    now: datetime,
) -> Refund:  # fmt: skip
    """Send ``amount`` won of a paid order back, out of the account ``source``.

    Raises:
        AlreadyPosted: the reference is taken; Insufficient: ``source`` holds too little.
    """
    ledger.post(
        reference=reference,
        kind=kind,
        subject=payment.subject,
        moves=[(source, -amount), (ledger.REFUNDS, amount)],
    )
    return _request(payment, amount, reference=reference, reason=reason, now=now)


def refunds_request(*, subject: str, amount: int, reason: str, now: datetime) -> None:
    """Spread ``amount`` over the subject's payments, newest first, within the caller's unit.

    A partial refund of a payment is possible, and no payment gives back more than it brought.
    """
    paid = Payment.objects.filter(subject=subject, state=PaymentState.DONE).order_by("-id")
    for payment in paid:
        part = min(amount, payment.amount - payment.refunded)
        if part:
            reference = f"refund:{payment.order_id}:settle"
            _request(payment, part, reference=reference, reason=reason, now=now)
            amount -= part
    if amount:
        raise AssertionError(f"{subject}: ₩{amount} of the refund came from no payment")


def refunds_due(*, now: datetime) -> list[UUID]:
    """Return the refunds whose time to be sent has come, the longest waiting first."""
    # Two questions, so that each goes along the index of its state. Who waits for an account is
    # asked about too: the payer may have given one to be paid out.
    due = (Refund.objects.filter(state=state, try_at__lte=now) for state in OWED)
    return [
        refund_id
        for refunds in due
        for refund_id in refunds.order_by("try_at").values_list("pk", flat=True)[:BATCH]
    ]


def refund_send(*, refund_id: UUID, now: datetime) -> bool:
    """Ask the gateway to send a refund, and book it; True if this call did so.

    Must not be called inside a unit of work. A refusal or silence of the gateway leaves the
    refund for a later try; it is not an error of the caller.
    """
    refund = Refund.objects.filter(pk=refund_id).prefetch_related("payment").first()
    if refund is None or not run_in_unit(lambda: _lease(refund, now)):
        return False
    try:
        # The first try may have worked although nobody heard of it, and a company forgets its
        # idempotency keys after some days: a later try looks before it asks.
        if not (refund.attempts and _sent_before(refund)):
            _ask_gateway(refund)
    except AccountRefused as refusal:
        logger.warning("Refund %s needs another account: %s", refund.reference, refusal.extra)
        run_in_unit(lambda: account_refused(refund=refund, now=now))
        return False
    except (Declined, GatewayDown) as refusal:
        logger.warning("Refund %s is not sent: %s", refund.reference, refusal.code)
        return False
    return run_in_unit(lambda: _book(refund, now))


def refunds_send(*, now: datetime) -> int:
    """Send the refunds that are due; return how many were sent."""
    return sum(refund_send(refund_id=refund_id, now=now) for refund_id in refunds_due(now=now))


def pause_after(attempts: int) -> timedelta:
    """Return the pause after that many failed tries: doubling up to an hour, 50–100 % of it."""
    whole = min(FIRST_PAUSE * (1 << min(attempts - 1, 10)), LONGEST_PAUSE)
    return whole * secrets.SystemRandom().uniform(0.5, 1)


def _lease(refund: Refund, now: datetime) -> bool:
    """Count the try and set the time of the next one, before this one: a crash is a failure.

    False if another call does it, or nobody knows where to send a deposit.
    """
    attempts = refund.attempts + 1
    needs_account = refund.payment.deposit_to or refund.state == RefundState.NO_ACCOUNT
    ready = not needs_account or account_ready(refund.payment)
    mine = Refund.objects.filter(pk=refund.pk, state__in=OWED, attempts=refund.attempts)
    moved = mine.update(
        state=RefundState.REQUESTED if ready else RefundState.NO_ACCOUNT,
        attempts=attempts,
        try_at=now + pause_after(attempts),
    )
    return bool(moved) and ready


def _ask_gateway(refund: Refund) -> None:
    gateway().cancel(
        payment_key=refund.payment.payment_key,
        amount=refund.amount,
        reason=refund.reason,
        idempotency_key=refund.reference,
        timeout_s=TIMEOUT_S,
        receiver=receiver_of(refund.payment),
    )


def _sent_before(refund: Refund) -> bool:
    found = gateway().find(payment_key=refund.payment.payment_key, timeout_s=TIMEOUT_S)
    wanted = Cancel(key=refund.reference, amount=refund.amount)
    return found is not None and wanted in found.cancels


def _book(refund: Refund, now: datetime) -> bool:
    owed = Refund.objects.filter(pk=refund.pk, state__in=OWED)
    if not owed.update(state=RefundState.DONE, done_at=now):
        return False
    ledger.post(
        reference=f"sent:{refund.reference}",
        kind="refund_sent",
        subject=refund.payment.subject,
        moves=[(ledger.REFUNDS, -refund.amount), (ledger.GATEWAY, refund.amount)],
    )
    return True


def _request(
    payment: Payment, amount: int, *, reference: str, reason: str, now: datetime
) -> Refund:
    seen = Payment.objects.filter(pk=payment.pk, refunded=payment.refunded)
    if not seen.update(refunded=F("refunded") + amount):
        raise ledger.RaceLost
    refund = Refund.objects.create(
        payment=payment,
        reference=reference,
        amount=amount,
        reason=reason,
        try_at=now,
        created_at=now,
    )
    on_commit(lambda: refund_requested.send_robust(sender=Refund, refund_id=refund.pk))
    return refund
