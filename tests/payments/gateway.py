"""A payment company that remembers, and that can be told to fail."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import ClassVar

from common.db import in_unit
from payments.gateways import (
    Cancel,
    Declined,
    Found,
    GatewayDown,
    Receiver,
    Settlement,
    Status,
)

Trouble = Callable[[], None]


class MemoryGateway:
    """Moves money once for each idempotency key; the class is the company, shared by all calls."""

    taken: ClassVar[dict[str, int]] = {}  # idempotency key → won
    sent: ClassVar[dict[str, int]] = {}
    lines: ClassVar[list[Settlement]] = []  # what it settles with us
    asked: ClassVar[list[str]] = []  # every call, with its idempotency key
    before: ClassVar[list[Trouble]] = []  # trouble for the next calls, before money moves
    after: ClassVar[list[Trouble]] = []  # the same once it has moved: the answer is lost

    @classmethod
    def forget(cls) -> None:
        for memory in (cls.taken, cls.sent, cls.lines, cls.asked, cls.before, cls.after):
            memory.clear()

    @classmethod
    def holds(cls) -> int:
        return sum(cls.taken.values()) - sum(cls.sent.values())

    @classmethod
    def taken_for(cls, order_id: str) -> int:
        """Return what was taken for the order, with whichever card."""
        return sum(won for key, won in cls.taken.items() if key.startswith(f"{order_id}:"))

    def confirm(
        self,
        *,
        payment_key: str,
        order_id: str,
        amount: int,
        idempotency_key: str,
        timeout_s: float,
    ) -> Found:
        self._move(self.taken, idempotency_key, amount, timeout_s)
        return Found(payment_key=payment_key, order_id=order_id, status=Status.DONE, amount=amount)

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
        self._move(self.sent, idempotency_key, amount, timeout_s)

    def find(self, *, payment_key: str, timeout_s: float) -> Found | None:
        assert not in_unit(), "the payment company was called inside a unit of work"
        for key, amount in self.taken.items():
            order_id, _, of_key = key.partition(":")
            if of_key == payment_key:
                return self._found(payment_key, order_id, amount)
        return None

    def find_order(self, *, order_id: str, timeout_s: float) -> Found | None:
        keys = [key for key in self.taken if key.startswith(f"{order_id}:")]
        return self.find(payment_key=keys[-1].split(":")[1], timeout_s=timeout_s) if keys else None

    def settlements(self, *, day: date, timeout_s: float) -> list[Settlement]:
        assert not in_unit(), "the payment company was called inside a unit of work"
        if self.before:
            self.before.pop(0)()
        return [line for line in self.lines if line.sold_on == day]

    def _found(self, payment_key: str, order_id: str, amount: int) -> Found:
        mine = [(key, won) for key, won in self.sent.items() if order_id in key]
        left = amount - sum(won for _key, won in mine)
        taken = Status.PARTIAL_CANCELED if left else Status.CANCELED
        return Found(
            payment_key=payment_key,
            order_id=order_id,
            status=taken if mine else Status.DONE,
            amount=amount,
            cancels=tuple(Cancel(key=key, amount=won) for key, won in mine),
        )

    def _move(self, memory: dict[str, int], key: str, amount: int, timeout_s: float) -> None:
        assert not in_unit(), "the payment company was called inside a unit of work"
        assert 0 < timeout_s <= 10
        self.asked.append(key)
        if self.before:
            self.before.pop(0)()
        assert memory.setdefault(key, amount) == amount
        if self.after:
            self.after.pop(0)()


def declines() -> None:
    raise Declined


def is_silent() -> None:
    raise GatewayDown


class Crash(BaseException):
    """Our process dies here."""


def crashes() -> None:
    raise Crash
