from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator

import pytest
from pytest_django import Settings

from accounts.models import User
from payments import escrow
from payments.models import Payment
from payments.signals import refund_requested
from tests.payments.gateway import MemoryGateway

SUBJECT = "thing:1"
Pay = Callable[..., Payment]


@pytest.fixture(autouse=True)
def company(settings: Settings) -> Iterator[type[MemoryGateway]]:
    """The payment company of these tests, without memories of the last one."""
    settings.PAYMENT_GATEWAY = "tests.payments.gateway.MemoryGateway"
    MemoryGateway.forget()
    yield MemoryGateway
    MemoryGateway.forget()


@pytest.fixture
def order(alice: User, now: dt.datetime) -> Payment:
    """Alice's order of ₩11,000, not paid."""
    return escrow.order_create(
        reference=SUBJECT, subject=SUBJECT, payer=alice, amount=11_000, now=now
    )


@pytest.fixture
def paid(alice: User, now: dt.datetime) -> Pay:
    """Return a function that makes an order of Alice's and pays it."""

    def pay(amount: int = 11_000, reference: str = SUBJECT, subject: str = SUBJECT) -> Payment:
        made = escrow.order_create(
            reference=reference, subject=subject, payer=alice, amount=amount, now=now
        )
        return escrow.order_confirm(
            order_id=made.order_id,
            payer=alice,
            payment_key=f"key-{made.order_id}",
            amount=amount,
            now=now,
        )

    return pay


@pytest.fixture
def hints() -> Iterator[list[object]]:
    """The refunds that refund_requested told of."""
    heard: list[object] = []

    def hear(*, refund_id: object, **_rest: object) -> None:
        heard.append(refund_id)

    refund_requested.connect(hear, weak=False, dispatch_uid="hints")
    yield heard
    refund_requested.disconnect(dispatch_uid="hints")
