"""SIGKILL before and after every commit of a confirmation and a refund; then the books agree."""

from __future__ import annotations

import datetime as dt
import os
import signal
import subprocess
import sys

import pytest
from django.conf import settings as product
from django.db import connection

from payments import escrow, ledger
from payments.models import Payment, PaymentState
from tests.toss.conftest import SUBJECT
from tests.toss.server import TossServer

pytestmark = [
    pytest.mark.live,
    pytest.mark.once,
    pytest.mark.django_db(transaction=True),
]
COMMITS = {"confirm": 2, "refund": 2}
POINTS = [(moment, n) for n in (1, 2) for moment in ("before", "after")]


def run(toss: TossServer, what: str, name: str, key: str, moment: str, number: int) -> int:
    """Run the child against the same database and company; return how it ended."""
    url = f"sqlite:///{connection.settings_dict['NAME']}"
    env = os.environ | {
        "DJANGO_SETTINGS_MODULE": "balrottuieo.settings",
        "DATABASE_URL": url,
        "PAYMENT_GATEWAY": product.PAYMENT_GATEWAY,
        "TOSS_URL": toss.url,
        "TOSS_SECRET_KEY": product.TOSS_SECRET_KEY,
    }
    command = (sys.executable, "-m", "tests.toss.crashing", what, name, key, moment, str(number))
    done = subprocess.run(command, env=env, cwd=product.BASE_DIR, capture_output=True, text=True)
    assert done.returncode in {0, -signal.SIGKILL}, done.stderr
    return done.returncode


@pytest.mark.parametrize(("moment", "number"), POINTS)
def test_a_confirmation_that_is_killed(
    toss: TossServer, order: Payment, now: dt.datetime, moment: str, number: int
) -> None:
    key = toss.company.agree(order.order_id, 11_000)
    assert run(toss, "confirm", order.order_id, key, moment, number) == -signal.SIGKILL
    escrow.orders_reconcile(now=now)
    order.refresh_from_db()
    started = (moment, number) != ("before", 1)
    assert order.state == (PaymentState.DONE if started else PaymentState.READY)
    held = 11_000 if started else 0
    assert toss.company.holds() == -ledger.balance_of(ledger.GATEWAY) == held
    assert escrow.escrow_held(SUBJECT) == held


@pytest.mark.parametrize(("moment", "number"), POINTS)
def test_a_refund_that_is_killed(
    toss: TossServer, order: Payment, now: dt.datetime, moment: str, number: int
) -> None:
    key = toss.company.agree(order.order_id, 11_000)
    escrow.order_confirm(
        order_id=order.order_id, payer=order.payer, payment_key=key, amount=11_000, now=now
    )
    refund = escrow.refund_order(order_id=order.order_id, reason="over", now=now)
    assert run(toss, "refund", str(refund.pk), key, moment, number) == -signal.SIGKILL
    escrow.refunds_send(now=now + dt.timedelta(hours=2))
    assert toss.company.holds() == -ledger.balance_of(ledger.GATEWAY) == 0
    assert ledger.balance_of(ledger.REFUNDS) == 0


def test_there_is_no_third_commit(toss: TossServer, order: Payment) -> None:
    """The control: these were all the points there are."""
    key = toss.company.agree(order.order_id, 11_000)
    number = COMMITS["confirm"] + 1
    assert run(toss, "confirm", order.order_id, key, "before", number) == 0
