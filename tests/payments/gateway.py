"""A payment company that remembers, and that can be told to fail."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

from common.db import in_unit
from payments.gateways import Declined, GatewayDown

Trouble = Callable[[], None]


class MemoryGateway:
    """Moves money once for each idempotency key; the class is the company, shared by all calls."""

    taken: ClassVar[dict[str, int]] = {}  # idempotency key → won
    sent: ClassVar[dict[str, int]] = {}
    asked: ClassVar[list[str]] = []  # every call, with its idempotency key
    before: ClassVar[list[Trouble]] = []  # trouble for the next calls, before money moves
    after: ClassVar[list[Trouble]] = []  # the same once it has moved: the answer is lost

    @classmethod
    def forget(cls) -> None:
        for memory in (cls.taken, cls.sent, cls.asked, cls.before, cls.after):
            memory.clear()

    @classmethod
    def holds(cls) -> int:
        return sum(cls.taken.values()) - sum(cls.sent.values())

    def confirm(
        self,
        *,
        payment_key: str,
        order_id: str,
        amount: int,
        idempotency_key: str,
        timeout_s: float,
    ) -> None:
        self._move(self.taken, idempotency_key, amount, timeout_s)

    def cancel(
        self,
        *,
        payment_key: str,
        amount: int,
        reason: str,
        idempotency_key: str,
        timeout_s: float,
    ) -> None:
        self._move(self.sent, idempotency_key, amount, timeout_s)

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
