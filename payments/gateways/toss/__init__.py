"""Toss Payments, API version 1: https://docs.tosspayments.com/reference

What it answers decides between three: yes, :class:`Declined` (a final no, no money moved), and
:class:`GatewayDown` (nobody knows). Whatever is not surely a no counts as not known.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date
from typing import Any
from urllib.parse import quote

from django.conf import settings

from payments.gateways import (
    TAKEN,
    Cancel,
    Declined,
    Found,
    GatewayDown,
    Receiver,
    Settlement,
    Window,
)
from payments.gateways.toss import http, shapes

ORDER_ID = re.compile(r"[A-Za-z0-9_-]{6,64}")
PAGE = 1000  # settlements
MAX_PAGES = 1000


class TossGateway:
    """The shop of ``TOSS_SECRET_KEY``. The reference of a refund ends its ``cancelReason``,
    so that reading tells, years later, which of our refunds were sent."""

    def confirm(
        self,
        *,
        payment_key: str,
        order_id: str,
        amount: int,
        idempotency_key: str,
        timeout_s: float,
    ) -> Found:
        if _nameless(payment_key):
            raise Declined
        body = {"paymentKey": payment_key, "orderId": _sound(order_id), "amount": amount}
        try:
            answer = http.post("/v1/payments/confirm", body, idempotency_key, timeout_s)
            found: Found | None = shapes.found(answer)
        except http.DoneBefore:
            found = self.find(payment_key=payment_key, timeout_s=timeout_s)
        if found is None or found.status not in TAKEN:
            raise Declined
        found.check(order_id=order_id, amount=amount)
        return found

    def cancel(
        self,
        *,
        payment_key: str,
        amount: int,
        reason: str,
        idempotency_key: str,
        timeout_s: float,
        receiver: Receiver | None = None,
    ) -> None:
        body: dict[str, Any] = {
            "cancelReason": shapes.signed(reason, idempotency_key),
            "cancelAmount": amount,
        }
        path, key = f"/v1/payments/{_quoted(payment_key)}/cancel", idempotency_key
        if receiver is not None:
            body["refundReceiveAccount"] = shapes.account(receiver)
            # To an old key it would repeat its no to the account before.
            key += f":{shapes.digest(receiver)}"
        try:
            http.post(path, body, key, timeout_s)
        except http.DoneBefore as error:
            found = self.find(payment_key=payment_key, timeout_s=timeout_s)
            if found is None or Cancel(key=idempotency_key, amount=amount) not in found.cancels:
                raise Declined from error

    def find(self, *, payment_key: str, timeout_s: float) -> Found | None:
        if _nameless(payment_key):
            return None
        return _looked_up(f"/v1/payments/{_quoted(payment_key)}", timeout_s)

    def find_order(self, *, order_id: str, timeout_s: float) -> Found | None:
        return _looked_up(f"/v1/payments/orders/{_sound(order_id)}", timeout_s)

    def settlements(self, *, day: date, timeout_s: float) -> list[Settlement]:
        return [shapes.settlement(row) for page in _pages(day, timeout_s) for row in page]

    def window(self) -> Window:
        return Window(
            company="toss",
            client_key=settings.TOSS_CLIENT_KEY,
            script=settings.TOSS_SDK_URL,
            origins=tuple(settings.TOSS_ORIGINS),
        )


def _pages(day: date, timeout_s: float) -> Iterator[list[Any]]:
    """Up to the first empty one: a page may be shorter than was asked for."""
    span = {"startDate": day.isoformat(), "endDate": day.isoformat(), "dateType": "soldDate"}
    for number in range(1, MAX_PAGES):
        rows = http.get("/v1/settlements", timeout_s, **span, page=number, size=PAGE)
        if not isinstance(rows, list):
            raise GatewayDown
        if not rows:
            return
        yield rows
    raise GatewayDown


def _looked_up(path: str, timeout_s: float) -> Found | None:
    body = http.get(path, timeout_s)
    return None if body is None else shapes.found(body)


def _sound(order_id: str) -> str:
    if not ORDER_ID.fullmatch(order_id):
        raise ValueError(f"No order id for Toss Payments: {order_id!r}")
    return order_id


def _nameless(payment_key: str) -> bool:
    """Tell a key that no payment has: as a part of an address it would vanish."""
    return not payment_key.strip(".")


def _quoted(payment_key: str) -> str:
    """A payer sends us this one: whatever it is, it names no other address."""
    return quote(payment_key, safe="")
