"""SIGKILL before and after every commit of a confirmation and a refund; then the books agree."""

from __future__ import annotations

import datetime as dt

import pytest
from django.conf import settings as product

from payments import escrow, ledger
from payments.models import Payment, PaymentState
from tests.killed import killed
from tests.toss.conftest import SUBJECT
from tests.toss.server import TossServer

pytestmark = [
    pytest.mark.live,
    pytest.mark.once,
    pytest.mark.django_db(transaction=True),
]
COMMITS = {"confirm": 2, "refund": 2}
POINTS = [(moment, n) for n in (1, 2) for moment in ("before", "after")]


def dies(toss: TossServer, what: str, moment: str, number: int, *arguments: str) -> bool:
    """Run it in a process of its own, with this company; return whether it died on the way."""
    return killed(
        what, moment, number, *arguments, PAYMENT_GATEWAY=product.PAYMENT_GATEWAY,
        TOSS_URL=toss.url, TOSS_SECRET_KEY=product.TOSS_SECRET_KEY,
    )  # fmt: skip


@pytest.mark.parametrize(("moment", "number"), POINTS)
def test_a_confirmation_that_is_killed(
    toss: TossServer, order: Payment, now: dt.datetime, moment: str, number: int
) -> None:
    key = toss.company.agree(order.order_id, 11_000)
    assert dies(toss, "confirm", moment, number, order.order_id, key)
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
    assert dies(toss, "refund", moment, number, str(refund.pk))
    escrow.refunds_send(now=now + dt.timedelta(hours=2))
    assert toss.company.holds() == -ledger.balance_of(ledger.GATEWAY) == 0
    assert ledger.balance_of(ledger.REFUNDS) == 0


def test_there_is_no_third_commit(toss: TossServer, order: Payment) -> None:
    """The control: these were all the points there are."""
    key = toss.company.agree(order.order_id, 11_000)
    number = COMMITS["confirm"] + 1
    assert not dies(toss, "confirm", "before", number, order.order_id, key)
