"""What the payment company calls: stored first, answered 200, looked into afterwards.

A body is only a hint that something changed, from anybody who knows the address. Nothing in it is
believed: the task reads the payment at the company.
"""

from __future__ import annotations

import hashlib
import json
from typing import Any

from django.db import IntegrityError
from django.http import HttpRequest, HttpResponse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from common import clock
from common.broker.hints import hint
from payments import escrow
from payments.selectors import order_id_of, webhooks_kept
from payments.tasks import process_webhook

TRANSMISSION = "tosspayments-webhook-transmission-id"
MAX_BYTES = 64 * 1024
# The company sends a few of an order; a payer, who knows its id, could send any number.
MOST_OF_AN_ORDER = 100


@csrf_exempt
@require_POST
def toss(request: HttpRequest) -> HttpResponse:
    """Keep a webhook of Toss Payments. One that is about no order of ours is dropped."""
    if int(request.headers.get("Content-Length") or 0) > MAX_BYTES:
        return HttpResponse(status=413)
    try:
        text = request.body.decode()
        body = json.loads(text)
    except ValueError:
        return HttpResponse(status=400)
    order_id = order_id_of(**_names(body))
    if order_id and webhooks_kept(order_id) < MOST_OF_AN_ORDER:
        _store(request, order_id, _word(body.get("eventType") or "DEPOSIT_CALLBACK", 40), text)
    return HttpResponse("ok", content_type="text/plain")


def _store(request: HttpRequest, order_id: str, kind: str, text: str) -> None:
    digest = hashlib.sha256(request.body)
    # With the body: an id that somebody guessed beforehand hides nothing.
    digest.update(request.headers.get(TRANSMISSION, "").encode())
    try:
        webhook_id = escrow.webhook_store(
            key=digest.hexdigest(),
            kind=kind,
            order_id=order_id,
            body=text,
            now=clock.now(),
        )
    except IntegrityError:
        return  # it came before
    hint(process_webhook, webhook_id=str(webhook_id))


def _names(body: Any) -> dict[str, str]:
    """Return the order's id and the payment key, wherever this kind of webhook has them."""
    if not isinstance(body, dict):
        return {"order_id": "", "payment_key": ""}
    data = body.get("data")
    inner = data if isinstance(data, dict) else body
    return {
        "order_id": _word(inner.get("orderId"), 64),
        "payment_key": _word(inner.get("paymentKey"), 200),
    }


def _word(value: Any, most: int) -> str:
    """Return it as a text that every database takes: no zeros, no halves of a character."""
    whole = str(value or "").encode(errors="ignore").decode()
    return whole.replace("\0", "")[:most]
