"""A program that moves money and kills itself at its Nth commit, on the database of a test.

``python -m tests.killed WHAT before|after N ARGUMENT…``: around the N-th outermost commit from
there on. The hook is here, the product knows nothing of it.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from typing import Any
from uuid import UUID

import django


def killed(what: str, moment: str, number: int, *arguments: str, **environment: str) -> bool:
    """Run the program beside a test, to its end or its death; return whether it died."""
    from django.conf import settings
    from django.db import connection

    env = os.environ | {
        "DJANGO_SETTINGS_MODULE": "balrottuieo.settings",
        "DATABASE_URL": f"sqlite:///{connection.settings_dict['NAME']}",
        **environment,
    }
    command = (sys.executable, "-m", "tests.killed", what, moment, str(number), *arguments)
    done = subprocess.run(command, env=env, cwd=settings.BASE_DIR, capture_output=True, text=True)
    assert done.returncode in {0, -signal.SIGKILL}, done.stderr
    return done.returncode != 0


def confirm(order_id: str, payment_key: str) -> None:
    from common import clock
    from payments import escrow
    from payments.models import Payment

    order = Payment.objects.get(order_id=order_id)
    escrow.order_confirm(
        order_id=order_id, payer=order.payer, payment_key=payment_key, amount=order.amount,
        now=clock.now(),
    )  # fmt: skip


def refund(refund_id: str) -> None:
    from common import clock
    from payments import escrow

    escrow.refund_send(refund_id=UUID(refund_id), now=clock.now())


def request(user_id: str, key: str) -> None:
    """Over the API, as a phone asks that sends its request again until it has an answer."""
    from rest_framework.test import APIClient

    client = APIClient()
    client.force_authenticate(_user(user_id))
    answer = client.post("/api/v1/payouts", {}, headers={"Idempotency-Key": key})
    assert answer.status_code == 201, answer.content


def schedule(at: str) -> None:
    from datetime import datetime

    from payments import payouts

    payouts.payouts_schedule(now=datetime.fromisoformat(at))


def batch(user_id: str) -> None:
    from common import clock
    from payments import payouts

    payouts.batch_make(by=_user(user_id), now=clock.now())


def approve(batch_id: str, user_id: str) -> None:
    from common import clock
    from payments import payouts

    payouts.batch_approve(batch_id=UUID(batch_id), by=_user(user_id), now=clock.now())


def book(batch_id: str, user_id: str, *failed: str) -> None:
    """Import a bank's result: all were paid but those named."""
    from common import clock
    from payments import payouts
    from payments.models import Payout

    rows = Payout.objects.filter(batch_id=UUID(batch_id)).order_by("id")
    results = [
        payouts.Result(line, row.reference, paid=row.reference not in failed)
        for line, row in enumerate(rows, 2)
    ]
    payouts.results_book(
        batch_id=UUID(batch_id), results=results, by=_user(user_id), now=clock.now()
    )


def _user(user_id: str) -> Any:
    from accounts.models import User

    return User.objects.get(pk=UUID(user_id))


DEEDS: dict[str, Callable[..., None]] = {
    each.__name__: each for each in (confirm, refund, request, schedule, batch, approve, book)
}


def main() -> None:
    what, moment, number, *arguments = sys.argv[1:]
    django.setup()
    _kill_at(moment, int(number))
    DEEDS[what](*arguments)


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
