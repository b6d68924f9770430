from __future__ import annotations

import datetime as dt
from collections.abc import Iterator

import pytest
from pytest_django import Settings

from accounts.models import User
from payments import escrow
from payments.models import Payment
from tests.toss.company import SECRET_KEY
from tests.toss.server import TossServer, toss_server

SUBJECT = "thing:1"


@pytest.fixture
def toss(settings: Settings) -> Iterator[TossServer]:
    """The product pays through a Toss-compatible server of this test."""
    with toss_server() as server:
        settings.PAYMENT_GATEWAY = "payments.gateways.toss.TossGateway"
        settings.TOSS_URL, settings.TOSS_SECRET_KEY = server.url, SECRET_KEY
        settings.TOSS_CLIENT_KEY = "test_ck_of_our_own_server"
        yield server


@pytest.fixture
def order(alice: User, now: dt.datetime) -> Payment:
    """Alice's order of ₩11,000, not paid."""
    return escrow.order_create(
        reference=SUBJECT, subject=SUBJECT, payer=alice, amount=11_000, now=now
    )
