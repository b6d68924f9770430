"""One thing that does not agree, and the entry that would make it."""

from __future__ import annotations

from typing import NamedTuple

from payments import ledger
from payments.models import DifferenceKind

K = DifferenceKind


class Found(NamedTuple):
    """Our books have ``found`` won of ``subject`` where there should be ``expected``."""

    kind: DifferenceKind
    subject: str
    expected: int
    found: int

    @property
    def identity(self) -> tuple[str, str, int]:
        """What makes it the same difference on another day, while the books move on."""
        return self.kind.value, self.subject, self.expected - self.found

    @property
    def moves(self) -> list[ledger.Move]:
        """The entry that makes the books agree; its other half waits for an explanation.

        None for a kept balance: it is a copy, and an entry would move it and its original alike.
        """
        account = _account(self.kind, self.subject)
        if account is None:
            return []
        # The gateway's account runs negative by what it keeps for us.
        sign = -1 if self.kind == K.PAYMENT else 1
        missing = sign * (self.expected - self.found)
        return [(account, missing), (ledger.SUSPENSE, -missing)]


def _account(kind: DifferenceKind, subject: str) -> str | None:
    return {
        K.PAYMENT: ledger.GATEWAY,
        K.CANCEL: ledger.GATEWAY,
        K.ESCROW: ledger.escrow_account(subject),
        K.REFUNDS: ledger.REFUNDS,
        K.PAYOUTS: ledger.PAYOUTS,
        K.TAX: ledger.TAX,
    }.get(kind)
