"""The bodies of Toss Payments, from and to our own words."""

from __future__ import annotations

import logging
from datetime import date, datetime
from typing import Any

from django.utils.crypto import salted_hmac

from payments.gateways import Cancel, Found, GatewayDown, Receiver, Settlement, Status
from payments.policy import BANKS

MAX_REASON = 200
# Its bank codes are the last two digits of everybody's, but for this bank.
BANK_CODES = {bank: bank[-2:] for bank in BANKS} | {"004": "06"}
BANK_NAMES = {BANK_CODES[bank]: name for bank, name in BANKS.items()}
# What a body raises that is not of the shape that we know
UNCLEAR = (KeyError, TypeError, ValueError, AttributeError)

logger = logging.getLogger(__name__)


def signed(reason: str, key: str) -> str:
    """Return ``reason`` with ``key`` behind it, in the 200 characters that there are."""
    tail = f" [{key}]"
    return reason[: MAX_REASON - len(tail)] + tail


def account(receiver: Receiver) -> dict[str, str]:
    return {
        "bank": BANK_CODES[receiver.bank],
        "accountNumber": receiver.number,
        "holderName": receiver.holder,
    }


def digest(receiver: Receiver) -> str:
    """Tell accounts apart without telling them."""
    text = f"{receiver.bank} {receiver.number} {receiver.holder}"
    return salted_hmac("payments.receiver", text, algorithm="sha256").hexdigest()[:16]


def found(body: Any) -> Found:
    try:
        deposit = body.get("virtualAccount") or {}
        due = deposit.get("dueDate")
        return Found(
            payment_key=body["paymentKey"],
            order_id=body["orderId"],
            status=Status(body["status"]),
            amount=int(body["totalAmount"]),
            cancels=tuple(_cancel(cancel) for cancel in body.get("cancels") or ()),
            deposit_to=_deposit_to(deposit) if deposit else "",
            deposit_until=datetime.fromisoformat(due) if due else None,
        )
    except UNCLEAR as error:
        logger.exception("An answer of Toss Payments that nobody understands")
        raise GatewayDown from error


def _deposit_to(account: dict[str, Any]) -> str:
    """For people: the bank's name, or its code where we know none."""
    bank = str(account["bankCode"])
    return f"{BANK_NAMES.get(bank, bank)} {account['accountNumber']}"


def _cancel(body: dict[str, Any]) -> Cancel:
    _reason, _sep, tail = str(body["cancelReason"]).rpartition(" [")
    key = tail.removesuffix("]") if tail.endswith("]") else ""
    # IN_PROGRESS and ABORTED are refunds abroad that did not (yet) happen.
    return Cancel(
        key=key if body.get("cancelStatus", "DONE") == "DONE" else "",
        amount=int(body["cancelAmount"]),
    )


def settlement(row: Any) -> Settlement:
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
    except UNCLEAR as error:
        logger.exception("A settlement of Toss Payments that nobody understands")
        raise GatewayDown from error
