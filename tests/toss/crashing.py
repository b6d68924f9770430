"""A program that confirms an order or sends a refund, and kills itself at its Nth commit.

``python -m tests.toss.crashing confirm|refund ID PAYMENT_KEY before|after N``: around the N-th
outermost commit from here on. The hook is here, the product knows nothing of it.
"""

from __future__ import annotations

import os
import signal
import sys
from typing import Any
from uuid import UUID

import django


def main() -> None:
    what, name, payment_key, moment, number = sys.argv[1:]
    django.setup()
    _kill_at(moment, int(number))
    from common import clock
    from payments import escrow
    from payments.models import Payment

    if what == "refund":
        escrow.refund_send(refund_id=UUID(name), now=clock.now())
        return
    order = Payment.objects.get(order_id=name)
    escrow.order_confirm(
        order_id=name, payer=order.payer, payment_key=payment_key, amount=order.amount,
        now=clock.now(),
    )  # fmt: skip


def _kill_at(moment: str, number: int) -> None:
    from django.db import connection

    commit, left = connection.commit, [number]

    def counted() -> Any:
        left[0] -= 1
        if not left[0] and moment == "before":
            os.kill(os.getpid(), signal.SIGKILL)
        commit()
        if not left[0]:
            os.kill(os.getpid(), signal.SIGKILL)

    connection.connect()
    connection.commit = counted  # type: ignore[method-assign]


if __name__ == "__main__":
    main()
