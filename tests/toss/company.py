"""The books of a Toss-compatible company, in memory: payments, cancels, answers, webhooks."""

from __future__ import annotations

import datetime as dt
import re
import secrets
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

SECRET_KEY = "test_sk_of_our_own_server"
SEOUL = dt.timezone(dt.timedelta(hours=9))
Answer = tuple[int, Any]
ORDER_ID = re.compile(r"[\w-]{6,64}", re.ASCII)
CLOSED = "9999"  # accounts that end so take no money
# fmt: off
BANKS = frozenset({
    "02", "03", "06", "07", "11", "12", "20", "23", "27", "31", "32", "34", "35", "37", "39", "45",
    "48", "50", "64", "71", "81", "88", "89", "90", "92",
})
# fmt: on
FEE_PERCENT = 3
PAID_OUT_AFTER = dt.timedelta(days=2)
MAX_PAGE = 3  # far below what one may ask for, so that paging happens


class Refusal(Exception):
    """An error body of the public API."""

    def __init__(self, status: int, code: str) -> None:
        super().__init__(code)
        self.answer: Answer = (status, {"code": code, "message": f"{code} (test)"})


def _check_order_id(order_id: str) -> None:
    if not ORDER_ID.fullmatch(order_id):
        raise Refusal(400, "INVALID_ORDER_ID")


def _check_account(account: dict[str, str] | None) -> None:
    """A deposit goes back to an account that the shop names."""
    if not account or not account["holderName"]:
        raise Refusal(400, "INVALID_REFUND_ACCOUNT_INFO")
    if account["bank"] not in BANKS:
        raise Refusal(400, "INVALID_BANK")
    number = account["accountNumber"]
    if not number.isdecimal() or number.endswith(CLOSED):
        raise Refusal(400, "INVALID_REFUND_ACCOUNT_NUMBER")


def _now() -> str:
    return dt.datetime.now(SEOUL).isoformat(timespec="seconds")


def _settlement(
    payment: dict[str, Any], amount: int, at: str, cancel: dict[str, Any] | None
) -> dict[str, Any]:
    fee = int(amount * FEE_PERCENT / 100)
    sold = dt.datetime.fromisoformat(at).date()
    return {
        "paymentKey": payment["paymentKey"],
        "orderId": payment["orderId"],
        "currency": "KRW",
        "method": payment["method"],
        "amount": amount,
        "interestFee": 0,
        "fees": [{"type": "BASE", "fee": fee}],
        "payOutAmount": amount - fee,
        "approvedAt": payment["approvedAt"],
        "soldDate": sold.isoformat(),
        "paidOutDate": (sold + PAID_OUT_AFTER).isoformat(),
        "cancel": cancel,
    }


@dataclass
class Company:
    payments: dict[str, dict[str, Any]] = field(default_factory=dict)  # by payment key
    answers: dict[tuple[str, str], Answer | None] = field(default_factory=dict)  # None: running
    asked: list[str] = field(default_factory=list)
    lock: threading.RLock = field(default_factory=threading.RLock)

    # --- What the payer and the bank do ---------------------------------------------------

    def agree(self, order_id: str, amount: int, method: str = "카드") -> str:
        """The payer agrees in the payment window; return the payment key."""
        _check_order_id(order_id)
        key = f"tgen_{secrets.token_hex(8)}"
        self.payments[key] = {
            "paymentKey": key,
            "orderId": order_id,
            "status": "IN_PROGRESS",
            "method": method,
            "totalAmount": amount,
            "balanceAmount": amount,
            "requestedAt": _now(),
            "approvedAt": None,
            "cancels": None,
            "virtualAccount": None,
        }
        return key

    def deposit(self, payment_key: str) -> None:
        with self.lock:
            payment = self.payments[payment_key]
            assert payment["status"] == "WAITING_FOR_DEPOSIT"
            payment.update(status="DONE", approvedAt=_now())

    def expire(self, payment_key: str) -> None:
        with self.lock:
            self.payments[payment_key]["status"] = "EXPIRED"

    # --- The API ---------------------------------------------------------------------------

    def find(self, payment_key: str) -> Answer:
        return 200, self._payment(payment_key)

    def find_order(self, order_id: str) -> Answer:
        _check_order_id(order_id)
        for payment in reversed(list(self.payments.values())):
            if payment["orderId"] == order_id:
                return 200, payment
        raise Refusal(404, "NOT_FOUND_PAYMENT")

    def settlements(self, query: dict[str, str]) -> Answer:
        """A page of what was sold and canceled from ``startDate`` to ``endDate``, both included."""
        since, until = (dt.date.fromisoformat(query[name]) for name in ("startDate", "endDate"))
        size = min(int(query.get("size", 100)), MAX_PAGE)
        first = (int(query.get("page", 1)) - 1) * size
        rows = [row for row in self._settled() if since.isoformat() <= row["soldDate"]]
        rows = [row for row in rows if row["soldDate"] <= until.isoformat()]
        return 200, rows[first : first + size]

    def _settled(self) -> Iterator[dict[str, Any]]:
        for payment in self.payments.values():
            if payment["approvedAt"]:
                yield _settlement(payment, payment["totalAmount"], payment["approvedAt"], None)
            for cancel in payment["cancels"] or ():
                yield _settlement(payment, -cancel["cancelAmount"], cancel["canceledAt"], cancel)

    def confirm(self, body: dict[str, Any]) -> Answer:
        _check_order_id(body["orderId"])
        payment = self._payment(body["paymentKey"])
        if payment["status"] in {"DONE", "CANCELED", "PARTIAL_CANCELED", "WAITING_FOR_DEPOSIT"}:
            raise Refusal(400, "ALREADY_PROCESSED_PAYMENT")
        if payment["status"] != "IN_PROGRESS":
            raise Refusal(404, "NOT_FOUND_PAYMENT_SESSION")
        if (payment["orderId"], payment["totalAmount"]) != (body["orderId"], body["amount"]):
            raise Refusal(400, "INVALID_REQUEST")
        if payment["method"] == "거절":
            payment["status"] = "ABORTED"
            raise Refusal(403, "REJECT_CARD_PAYMENT")
        if payment["method"] == "가상계좌":
            until = dt.datetime.now(SEOUL) + dt.timedelta(hours=24)
            payment["virtualAccount"] = {
                "accountType": "일반",
                "accountNumber": "X6505636518308",
                "bankCode": "20",
                "dueDate": until.isoformat(timespec="seconds"),
            }
            payment["status"] = "WAITING_FOR_DEPOSIT"
        else:
            payment.update(status="DONE", approvedAt=_now())
        return 200, payment

    def cancel(self, payment_key: str, body: dict[str, Any]) -> Answer:
        payment = self._payment(payment_key)
        amount = body.get("cancelAmount", payment["balanceAmount"])
        self._check_cancel(payment, body, amount)
        payment["balanceAmount"] -= amount
        payment["status"] = "PARTIAL_CANCELED" if payment["balanceAmount"] else "CANCELED"
        payment["cancels"] = [
            *(payment["cancels"] or []),
            {
                "cancelAmount": amount,
                "cancelReason": body["cancelReason"],
                "canceledAt": _now(),
                "transactionKey": secrets.token_hex(16),
                "cancelStatus": "DONE",
            },
        ]
        if payment["virtualAccount"]:
            payment["virtualAccount"]["refundReceiveAccount"] = body["refundReceiveAccount"]
        return 200, payment

    def _check_cancel(self, payment: dict[str, Any], body: dict[str, Any], amount: int) -> None:
        if not 1 <= len(body.get("cancelReason", "")) <= 200:
            raise Refusal(400, "INVALID_REQUEST")
        if payment["status"] == "CANCELED":
            raise Refusal(400, "ALREADY_CANCELED_PAYMENT")
        if payment["status"] not in {"DONE", "PARTIAL_CANCELED"}:
            raise Refusal(403, "NOT_CANCELABLE_PAYMENT")
        if not 0 < amount <= payment["balanceAmount"]:
            raise Refusal(403, "NOT_CANCELABLE_AMOUNT")
        if payment["method"] == "가상계좌":
            _check_account(body.get("refundReceiveAccount"))

    def _payment(self, payment_key: str) -> dict[str, Any]:
        try:
            return self.payments[payment_key]
        except KeyError:
            raise Refusal(404, "NOT_FOUND_PAYMENT") from None

    def once(self, path: str, key: str) -> Answer | None:
        """Return the first answer to this key; None for the first, who has to answer."""
        with self.lock:
            self.asked.append(key)
            if (path, key) not in self.answers:
                self.answers[path, key] = None
                return None
            first = self.answers[path, key]
            return first or Refusal(409, "IDEMPOTENT_REQUEST_PROCESSING").answer

    # --- Its own books -----------------------------------------------------------------------

    def holds(self, order_id: str = "") -> int:
        """Return the won it has taken and not sent back."""
        return sum(
            payment["balanceAmount"]
            for payment in self.payments.values()
            if payment["status"] in {"DONE", "PARTIAL_CANCELED", "CANCELED"}
            and order_id in ("", payment["orderId"])
        )
