"""The payment company at its least helpful: of a refund it forgets that it was asked before."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import NamedTuple

from payments.gateways import Cancel, Found, Receiver
from tests.machines.crashing import AFTER, BEFORE
from tests.payments.gateway import MemoryGateway, Trouble, crashes, declines, is_silent


class Loss(NamedTuple):
    """What befalls the next question to the company; after: its answer, for money has moved."""

    moment: str
    trouble: Trouble

    def befall(self) -> None:
        MemoryGateway.before[:] = [self.trouble] if self.moment == BEFORE else []
        MemoryGateway.after[:] = [self.trouble] if self.moment == AFTER else []


LOSSES = [
    *(Loss(BEFORE, trouble) for trouble in (crashes, declines, is_silent)),
    *(Loss(AFTER, trouble) for trouble in (crashes, is_silent)),
]


class ForgetfulGateway(MemoryGateway):
    """As after the days for which a company knows an idempotency key: who asks again, pays again.

    Its books keep what went out, under the key that asked.
    """

    @classmethod
    def sent_by_refund(cls) -> Counter[str]:
        sums: Counter[str] = Counter()
        for key, won in cls.sent.items():
            sums[_asked_by(key)] += won
        return sums

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
        super().cancel(
            payment_key=payment_key, amount=amount, reason=reason,
            idempotency_key=f"{idempotency_key}#{len(self.sent)}", timeout_s=timeout_s,
            receiver=receiver,
        )  # fmt: skip

    def find(self, *, payment_key: str, timeout_s: float) -> Found | None:
        found = super().find(payment_key=payment_key, timeout_s=timeout_s)
        if found is None:
            return None
        cancels = [Cancel(key=_asked_by(each.key), amount=each.amount) for each in found.cancels]
        return replace(found, cancels=tuple(cancels))


def _asked_by(key: str) -> str:
    return key.partition("#")[0]
