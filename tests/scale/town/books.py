"""The money of an errand, as ``payments`` would have booked it."""

from __future__ import annotations

import datetime as dt
from uuid import UUID

from errands.models import Errand
from errands.states import FINAL, State
from payments import ledger
from payments.models import (
    Account,
    AccountKind,
    Entry,
    Payment,
    PaymentState,
    Refund,
    RefundState,
    StaffRefund,
    StaffRefundState,
    Transfer,
    Webhook,
)
from tests.scale.town.cart import Cart

Moves = dict[str, int]


def order_of(errand: Errand) -> str:
    return f"order-{errand.pk.hex}"


class Books:
    """Enters the orders, the refunds and the ledger of errands into a cart."""

    def __init__(self, cart: Cart) -> None:
        self.cart = cart
        self.accounts: dict[str, Account] = {}

    def enter(self, errand: Errand) -> None:
        order = _order(errand)
        self.cart.put(order)
        if order.state == PaymentState.READY:
            return
        self.cart.put(
            Webhook(
                key=order.order_id, kind="PAYMENT_STATUS_CHANGED", order_id=order.order_id,
                body="{}", attempts=1, try_at=order.created_at, done_at=order.created_at,
                created_at=order.created_at,
            )
        )  # fmt: skip
        escrow = ledger.escrow_account(errand.reference)
        held = {ledger.GATEWAY: -errand.total, escrow: errand.total}
        self._post(errand, f"hold:{order.order_id}", "hold", held)
        if errand.state in FINAL:
            self._post(errand, f"settle:{errand.reference}", "settle", _settled(errand, escrow))
        if order.refunded:
            self._send_back(errand, order)

    def _send_back(self, errand: Errand, order: Payment) -> None:
        reference = f"refund:{order.order_id}:settle"
        self.cart.put(
            Refund(
                payment=order, reference=reference, amount=order.refunded, reason="cancel",
                state=RefundState.DONE, attempts=1, try_at=order.created_at,
                done_at=order.created_at, created_at=order.created_at,
            )
        )  # fmt: skip
        self.cart.put(
            StaffRefund(
                key=f"{order.order_id}:0", payment=order, seen=0, amount=order.refunded, reason="x",
                state=StaffRefundState.GIVEN, source=ledger.COMMISSION, asked_by=errand.requester,
                created_at=order.created_at,
            )
        )  # fmt: skip
        sent = {ledger.REFUNDS: -order.refunded, ledger.GATEWAY: order.refunded}
        self._post(errand, f"sent:{reference}", "refund_sent", sent)

    def _post(self, errand: Errand, reference: str, kind: str, moves: Moves) -> None:
        at = errand.created_at
        transfer = Transfer(reference=reference, kind=kind, subject=errand.reference, created_at=at)
        accounts = [(self._account(name), amount) for name, amount in moves.items()]
        self.cart.put(transfer)
        for account, amount in accounts:
            if account.balance is not None:
                account.balance += amount
            self.cart.put(Entry(transfer=transfer, account=account, amount=amount, created_at=at))

    def _account(self, name: str) -> Account:
        if name not in self.accounts:
            kind, _colon, owner = name.partition(":")
            self.accounts[name] = Account(
                name=name, kind=kind, balance=0 if kind in ledger.FLOORED else None,
                owner_id=UUID(owner) if kind == AccountKind.USER else None,
            )  # fmt: skip
            self.cart.put(self.accounts[name])
        return self.accounts[name]


def _order(errand: Errand) -> Payment:
    paid = errand.opened_at is not None
    back = errand.state in FINAL - {State.COMPLETED}
    return Payment(
        order_id=order_of(errand), reference=errand.reference, subject=errand.reference,
        payer=errand.requester, amount=errand.total, refunded=errand.total if back else 0,
        state=PaymentState.DONE if paid else PaymentState.READY,
        payment_key="sandbox_ok" if paid else "", paid_at=errand.opened_at,
        expires_at=errand.created_at + dt.timedelta(hours=2), created_at=errand.created_at,
    )  # fmt: skip


def _settled(errand: Errand, escrow: str) -> Moves:
    """Everything to the runner and to us, or everything back."""
    if errand.state == State.COMPLETED:
        assert errand.runner is not None
        runner = ledger.user_account(errand.runner.pk)
        return {escrow: -errand.total, runner: errand.reward, ledger.COMMISSION: errand.service_fee}
    return {escrow: -errand.total, ledger.REFUNDS: errand.total}
