"""Orders of which nobody knows whether they are paid: read at the gateway, and settled."""

from __future__ import annotations

import logging
from datetime import datetime

from common.db import run_in_unit
from common.errors import Conflict
from payments.escrow.orders import Charge
from payments.gateways import TAKEN, TIMEOUT_S, Found, GatewayDown, Status, gateway
from payments.models import PERHAPS, Payment, PaymentState

BATCH = 50
KEYLESS = (PaymentState.READY, PaymentState.EXPIRED)
OVER = frozenset({Status.ABORTED, Status.EXPIRED, Status.CANCELED})

logger = logging.getLogger(__name__)


def orders_reconcile(*, now: datetime) -> int:
    """Settle what a crash, a silent gateway or a late deposit left open; return how many."""
    unknown = Payment.objects.filter(state=PaymentState.UNKNOWN)
    undeposited = Payment.objects.filter(state=PaymentState.WAITING, deposit_until__lte=now)
    # Two questions, so that each goes along the index of its state.
    rows = [
        payment
        for orders in (unknown, undeposited)
        for payment in orders.order_by("expires_at").prefetch_related("payer")[:BATCH]
    ]
    return sum(order_read(payment=payment, now=now) for payment in rows)


def order_read(*, payment: Payment, now: datetime) -> bool:
    """Look the order up at the gateway and book what it says; True if that settled it as paid.

    Must not be called inside a unit of work. One that nobody tried to pay, as far as we know, is
    looked up too: the money may have come under a key that we never saw, or lost with a backup.
    """
    if payment.state == PaymentState.DONE:
        return False
    try:
        if payment.state not in PERHAPS:
            adopted = _adopted(payment)
            return adopted is not None and _settled(payment, adopted, now)
        found = gateway().find(payment_key=payment.payment_key, timeout_s=TIMEOUT_S)
        return _settled(payment, found, now)
    except (Conflict, GatewayDown) as refusal:
        logger.warning("Order %s is not finished: %s", payment.order_id, refusal.code)
        return False


def _adopted(payment: Payment) -> Found | None:
    """Note the key of money that was taken for the order, as before a confirmation of ours."""
    found = gateway().find_order(order_id=payment.order_id, timeout_s=TIMEOUT_S)
    if found is None or found.status not in TAKEN:
        return None
    found.check(order_id=payment.order_id, amount=payment.amount)
    keyless = Payment.objects.filter(pk=payment.pk, state__in=KEYLESS, payment_key="")
    key = found.payment_key
    if not run_in_unit(lambda: keyless.update(state=PaymentState.UNKNOWN, payment_key=key)):
        return None  # somebody pays just now, perhaps with this very key
    payment.payment_key = key
    return found


def _settled(payment: Payment, found: Found | None, now: datetime) -> bool:
    charge = Charge(
        order_id=payment.order_id,
        payer=payment.payer,
        payment_key=payment.payment_key,
        amount=payment.amount,
        now=now,
    )
    if found is not None and found.status in TAKEN:
        charge.read(found)
    elif found is not None and found.status in OVER:
        charge.let_go()
        return False
    elif found is not None and found.status == Status.PARTIAL_CANCELED:
        # Somebody took the money and sent a part back, past our books: for people to look at.
        logger.error("Order %s was canceled in part before it was booked", payment.order_id)
        return False
    else:
        # No money has moved yet. Asking again is harmless, and its answer final.
        charge.take()
    return run_in_unit(charge.hold).state == PaymentState.DONE
