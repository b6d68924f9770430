"""Toss Payments, API version 1: https://docs.tosspayments.com/reference

What it answers decides between three: yes, :class:`Declined` (a final no, no money moved), and
:class:`GatewayDown` (nobody knows). Whatever is not surely a no counts as not known.
"""

from __future__ import annotations

import logging
import re
import ssl
from collections.abc import Iterator
from datetime import date, datetime
from functools import lru_cache
from typing import Any
from urllib.parse import quote

import httpx
from django.conf import settings
from django.utils.crypto import salted_hmac

from payments.gateways import (
    TAKEN,
    AccountRefused,
    Cancel,
    Declined,
    Found,
    GatewayDown,
    Receiver,
    Settlement,
    Status,
    Window,
)

CONNECT_S = 2.0
TRIES = 2
MAX_REASON = 200
MAX_KEY = 300
ORDER_ID = re.compile(r"[A-Za-z0-9_-]{6,64}")
PAGE = 1000  # settlements
MAX_PAGES = 1000
# Not a no: something happened before, or is happening, or passes.
DONE_BEFORE = frozenset(
    {"ALREADY_PROCESSED_PAYMENT", "ALREADY_COMPLETED_PAYMENT", "ALREADY_CANCELED_PAYMENT"}
)
PASSING = frozenset({"IDEMPOTENT_REQUEST_PROCESSING", "PROVIDER_ERROR", "CARD_PROCESSING_ERROR"})
ACCOUNT_REFUSED = frozenset(
    {"INVALID_REFUND_ACCOUNT_INFO", "INVALID_REFUND_ACCOUNT_NUMBER", "INVALID_BANK",
     "FORBIDDEN_BANK_REFUND_REQUEST"}
)  # fmt: skip
# Its bank codes are the last two digits of everybody's, but for this bank.
BANK_CODES = {"004": "06"}
PASSING_STATUSES = frozenset({401, 408, 425, 429})  # 401: our key is wrong, not the payer's card

logger = logging.getLogger(__name__)


class DoneBefore(Exception):
    """The company did this, or the like, already: only reading tells what."""


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
        body = {"paymentKey": payment_key, "orderId": _sound(order_id), "amount": amount}
        try:
            answer = _post("/v1/payments/confirm", body, idempotency_key, timeout_s)
            found: Found | None = _found(answer)
        except DoneBefore:
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
            "cancelReason": signed(reason, idempotency_key),
            "cancelAmount": amount,
        }
        path, key = f"/v1/payments/{_quoted(payment_key)}/cancel", idempotency_key
        if receiver is not None:
            body["refundReceiveAccount"] = _account(receiver)
            # To an old key it would repeat its no to the account before.
            key += f":{_digest(receiver)}"
        try:
            _post(path, body, key, timeout_s)
        except DoneBefore as error:
            found = self.find(payment_key=payment_key, timeout_s=timeout_s)
            if found is None or Cancel(key=idempotency_key, amount=amount) not in found.cancels:
                raise Declined from error

    def find(self, *, payment_key: str, timeout_s: float) -> Found | None:
        return _looked_up(f"/v1/payments/{_quoted(payment_key)}", timeout_s)

    def find_order(self, *, order_id: str, timeout_s: float) -> Found | None:
        return _looked_up(f"/v1/payments/orders/{_sound(order_id)}", timeout_s)

    def settlements(self, *, day: date, timeout_s: float) -> list[Settlement]:
        return [_settlement(row) for page in _pages(day, timeout_s) for row in page]

    def window(self) -> Window:
        return Window(
            company="toss",
            client_key=settings.TOSS_CLIENT_KEY,
            script=settings.TOSS_SDK_URL,
            origins=tuple(settings.TOSS_ORIGINS),
        )


def _pages(day: date, timeout_s: float) -> Iterator[list[Any]]:
    """Up to the first empty one: a page may be shorter than was asked for."""
    for number in range(1, MAX_PAGES):
        query = {
            "startDate": day.isoformat(), "endDate": day.isoformat(), "dateType": "soldDate",
            "page": number, "size": PAGE,
        }  # fmt: skip
        response = _send("GET", "/v1/settlements", timeout_s, params=query)
        rows = _json(response) if response.status_code == httpx.codes.OK else None
        if not isinstance(rows, list):
            logger.warning("Toss Payments shows no settlements: %s", _code(response))
            raise GatewayDown
        if not rows:
            return
        yield rows
    raise GatewayDown


def _looked_up(path: str, timeout_s: float) -> Found | None:
    response = _send("GET", path, timeout_s)
    if response.status_code == httpx.codes.NOT_FOUND:
        return None
    if response.status_code != httpx.codes.OK:
        logger.warning("Toss Payments does not say: %s", _code(response))
        raise GatewayDown
    return _found(_object(response))


def _account(receiver: Receiver) -> dict[str, str]:
    return {
        "bank": BANK_CODES.get(receiver.bank, receiver.bank[-2:]),
        "accountNumber": receiver.number,
        "holderName": receiver.holder,
    }


def _digest(receiver: Receiver) -> str:
    """Tell accounts apart without telling them."""
    text = f"{receiver.bank} {receiver.number} {receiver.holder}"
    return salted_hmac("payments.receiver", text, algorithm="sha256").hexdigest()[:16]


def _sound(order_id: str) -> str:
    if not ORDER_ID.fullmatch(order_id):
        raise ValueError(f"No order id for Toss Payments: {order_id!r}")
    return order_id


def _quoted(payment_key: str) -> str:
    """A payer sends us this one: whatever it is, it names no other address."""
    return quote(payment_key, safe="")


def signed(reason: str, key: str) -> str:
    """Return ``reason`` with ``key`` behind it, in the 200 characters that there are."""
    tail = f" [{key}]"
    return reason[: MAX_REASON - len(tail)] + tail


@lru_cache(maxsize=1)
def _tls() -> ssl.SSLContext:
    """Reading the certificates takes longer than all the rest of a call."""
    return httpx.create_ssl_context()


def _client(limit: httpx.Timeout) -> httpx.Client:
    """Return a client for one call; the password is empty (Basic ``key:``)."""
    return httpx.Client(
        base_url=settings.TOSS_URL, auth=(settings.TOSS_SECRET_KEY, ""), timeout=limit,
        verify=_tls(),
    )  # fmt: skip


def _post(path: str, body: dict[str, Any], key: str, timeout_s: float) -> dict[str, Any]:
    if len(key) > MAX_KEY:
        raise ValueError(f"An Idempotency-Key of {len(key)} characters")
    response = _send("POST", path, timeout_s, json=body, headers={"Idempotency-Key": key})
    if response.status_code == httpx.codes.OK:
        return _object(response)
    code = _code(response)
    logger.warning("Toss Payments refuses %s: %s %s", key, response.status_code, code)
    if code in DONE_BEFORE:
        raise DoneBefore
    no = 400 <= response.status_code < 500 and response.status_code not in PASSING_STATUSES
    if no and code and code not in PASSING:
        raise (AccountRefused if code in ACCOUNT_REFUSED else Declined)(company_code=code)
    raise GatewayDown


def _send(method: str, path: str, timeout_s: float, **rest: Any) -> httpx.Response:
    """Only what surely never left is sent again: the connection could not be made."""
    limit = httpx.Timeout(timeout_s - TRIES * CONNECT_S, connect=CONNECT_S)
    for left in reversed(range(TRIES)):
        try:
            with _client(limit) as client:
                return client.request(method, path, **rest)
        except (httpx.ConnectError, httpx.ConnectTimeout) as error:
            if not left:
                raise GatewayDown from error
        except httpx.HTTPError as error:
            raise GatewayDown from error
    raise AssertionError("unreachable: the last try returns or raises")


def _json(response: httpx.Response) -> Any:
    try:
        return response.json()
    except ValueError as error:
        raise GatewayDown from error


def _object(response: httpx.Response) -> dict[str, Any]:
    body = _json(response)
    if not isinstance(body, dict):
        raise GatewayDown
    return body


def _code(response: httpx.Response) -> str:
    """Return the ``code`` of an error body; "" for one that is not of the API (a proxy's page)."""
    try:
        return str(response.json()["code"])
    except (ValueError, KeyError, TypeError):
        return ""


def _found(body: dict[str, Any]) -> Found:
    try:
        account = body.get("virtualAccount") or {}
        due = account.get("dueDate")
        return Found(
            payment_key=body["paymentKey"],
            order_id=body["orderId"],
            status=Status(body["status"]),
            amount=int(body["totalAmount"]),
            cancels=tuple(_cancel(cancel) for cancel in body.get("cancels") or ()),
            deposit_to=" ".join(str(account[k]) for k in ("bankCode", "accountNumber") if account),
            deposit_until=datetime.fromisoformat(due) if due else None,
        )
    except (KeyError, TypeError, ValueError) as error:
        logger.exception("An answer of Toss Payments that nobody understands")
        raise GatewayDown from error


def _cancel(body: dict[str, Any]) -> Cancel:
    _reason, _sep, tail = str(body["cancelReason"]).rpartition(" [")
    key = tail.removesuffix("]") if tail.endswith("]") else ""
    # IN_PROGRESS and ABORTED are refunds abroad that did not (yet) happen.
    return Cancel(
        key=key if body.get("cancelStatus", "DONE") == "DONE" else "",
        amount=int(body["cancelAmount"]),
    )


def _settlement(row: dict[str, Any]) -> Settlement:
    """The fee is all that is not paid out: the company lists its kinds apart, with more to come."""
    try:
        amount, paid_out = abs(int(row["amount"])), abs(int(row["payOutAmount"]))
        cancel = row.get("cancel") is not None
        return Settlement(
            order_id=row["orderId"],
            payment_key=row["paymentKey"],
            kind="cancel" if cancel else "payment",
            amount=amount,
            fee=paid_out - amount if cancel else amount - paid_out,
            sold_on=date.fromisoformat(row["soldDate"]),
            paid_out_on=date.fromisoformat(row["paidOutDate"]),
        )
    except (KeyError, TypeError, ValueError) as error:
        logger.exception("A settlement of Toss Payments that nobody understands")
        raise GatewayDown from error
