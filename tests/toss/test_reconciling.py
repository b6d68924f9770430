"""The books against what a Toss-compatible server settles, over HTTP."""

from __future__ import annotations

import datetime as dt

import pytest
from pytest_django import Settings

from accounts.models import User
from payments import escrow
from payments.gateways import GatewayDown
from payments.models import Difference, Payment, Refund
from payments.services import reconcile
from tests.toss.conftest import SUBJECT
from tests.toss.server import TossServer

pytestmark = pytest.mark.django_db(transaction=True)


def pay(toss: TossServer, order: Payment, now: dt.datetime) -> str:
    key: str = toss.company.agree(order.order_id, order.amount)
    escrow.order_confirm(
        order_id=order.order_id, payer=order.payer, payment_key=key, amount=order.amount, now=now
    )
    return key


@pytest.fixture
def key(toss: TossServer, order: Payment, bob: User, now: dt.datetime) -> str:
    """₩11,000 were paid and settled; ₩4,000 of them went back."""
    payment_key = pay(toss, order, now)
    escrow.settle(
        reference=SUBJECT, kind="confirm", pay={bob.pk: 7_000}, commission=0, refund=4_000, now=now
    )
    assert escrow.refund_send(refund_id=Refund.objects.get().pk, now=now)
    return payment_key


@pytest.fixture
def tomorrow(now: dt.datetime) -> dt.datetime:
    return now + dt.timedelta(days=1)


def test_what_both_have_is_no_difference(key: str, toss: TossServer, tomorrow: dt.datetime) -> None:
    assert reconcile(now=tomorrow) == (0, 0)
    assert Refund.objects.get().state == "done"  # there is something to compare


def test_a_cancel_past_our_books_is_found(
    key: str, toss: TossServer, order: Payment, tomorrow: dt.datetime
) -> None:
    by_hand = {"cancelReason": "at the shop's own page", "cancelAmount": 500}
    toss.company.cancel(key, by_hand)
    assert reconcile(now=tomorrow) == (1, 0)
    found = Difference.objects.get()
    assert (found.kind, found.subject, found.missing) == ("cancel", order.order_id, 500)
    assert found.moves == [["gateway", 500], ["suspense", -500]]


def test_a_company_that_does_not_answer_finds_nothing(
    key: str, toss: TossServer, tomorrow: dt.datetime, settings: Settings
) -> None:
    settings.TOSS_SECRET_KEY = "test_sk_wrong"
    with pytest.raises(GatewayDown):
        reconcile(now=tomorrow)
    assert not Difference.objects.exists()
