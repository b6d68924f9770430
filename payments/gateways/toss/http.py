"""Talking to Toss Payments: what may be sent again, and what an answer says of the money."""

from __future__ import annotations

import logging
import ssl
from functools import lru_cache
from typing import Any

import httpx
from django.conf import settings

from payments.gateways import AccountRefused, Declined, GatewayDown

CONNECT_S = 2.0
TRIES = 2
MAX_KEY = 300
# Not a no: something happened before, or is happening, or passes.
DONE_BEFORE = frozenset(
    {"ALREADY_PROCESSED_PAYMENT", "ALREADY_COMPLETED_PAYMENT", "ALREADY_CANCELED_PAYMENT"}
)
PASSING = frozenset({"IDEMPOTENT_REQUEST_PROCESSING", "PROVIDER_ERROR", "CARD_PROCESSING_ERROR"})
PASSING_STATUSES = frozenset({401, 408, 425, 429})  # 401: our key is wrong, not the payer's card
ACCOUNT_REFUSED = frozenset(
    {"INVALID_REFUND_ACCOUNT_INFO", "INVALID_REFUND_ACCOUNT_NUMBER", "INVALID_BANK",
     "FORBIDDEN_BANK_REFUND_REQUEST"}
)  # fmt: skip

logger = logging.getLogger(__name__)


class DoneBefore(Exception):
    """The company did this, or the like, already: only reading tells what."""


def get(path: str, timeout_s: float, **query: object) -> Any:
    """Return what stands there; None if the company says that nothing does."""
    response = _send("GET", path, timeout_s, params=query)
    code = _code(response)
    if response.status_code == httpx.codes.OK:
        return _json(response)
    if response.status_code == httpx.codes.NOT_FOUND and code:  # not the page of some proxy
        return None
    logger.warning("Toss Payments does not say: %s %s", response.status_code, code)
    raise GatewayDown


def post(path: str, body: dict[str, Any], key: str, timeout_s: float) -> Any:
    """Ask for something under an idempotency key.

    Raises:
        DoneBefore, Declined, AccountRefused, GatewayDown.
    """
    if len(key) > MAX_KEY:
        raise ValueError(f"An Idempotency-Key of {len(key)} characters")
    response = _send("POST", path, timeout_s, json=body, headers={"Idempotency-Key": key})
    if response.status_code == httpx.codes.OK:
        return _json(response)
    code = _code(response)
    logger.warning("Toss Payments refuses %s: %s %s", key, response.status_code, code)
    if code in DONE_BEFORE:
        raise DoneBefore
    no = 400 <= response.status_code < 500 and response.status_code not in PASSING_STATUSES
    if no and code and code not in PASSING:
        raise (AccountRefused if code in ACCOUNT_REFUSED else Declined)(company_code=code)
    raise GatewayDown


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


def _code(response: httpx.Response) -> str:
    """Return the ``code`` of an error body; "" for one that is not of the API (a proxy's page)."""
    try:
        return str(response.json()["code"])
    except (ValueError, KeyError, TypeError):
        return ""
