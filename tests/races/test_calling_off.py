"""Paying for an errand while it is called off: it ends, and what was taken goes back once."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from threading import Barrier

import pytest
from pytest_django import Settings

from accounts.models import User
from errands import services
from errands.models import Errand
from errands.states import State
from payments import escrow, ledger
from payments.models import Payment, Refund
from payments.selectors import books_balance
from tests.conftest import make_errand
from tests.payments.gateway import MemoryGateway
from tests.races.crowd import MANY, at_once

pytestmark = [pytest.mark.races, pytest.mark.django_db(transaction=True)]


@pytest.fixture(autouse=True)
def company(settings: Settings) -> Iterator[type[MemoryGateway]]:
    settings.PAYMENT_GATEWAY = "tests.payments.gateway.MemoryGateway"
    MemoryGateway.forget()
    yield MemoryGateway
    MemoryGateway.forget()


def test_confirming_the_order_against_canceling_its_errand(
    alice: User, now: dt.datetime, company: type[MemoryGateway]
) -> None:
    errand = make_errand(alice, now=now)
    order = Payment.objects.get(reference=errand.reference)

    def act(number: int) -> None:
        if number % 2:
            services.errand_cancel(errand_id=errand.pk, requester=alice, note="", now=now)
        else:
            escrow.order_confirm(
                order_id=order.order_id, payer=alice, payment_key="card", amount=order.amount,
                now=now,
            )  # fmt: skip

    at_once(act)
    services.apply_paid(now=now)  # whose news was lost on the way
    escrow.refunds_send(now=now + dt.timedelta(minutes=1))
    errand.refresh_from_db()
    assert errand.state == State.CANCELLED
    assert company.taken_for(order.order_id) == Refund.objects.get().amount == order.amount
    assert company.holds() == ledger.balance_of(ledger.GATEWAY) == 0
    assert books_balance() == (0, [], {})


@pytest.mark.control
def test_control_read_then_save_both_opens_and_cancels(alice: User) -> None:
    """What the conditional update guards against: money held for an errand that is over."""
    errand = make_errand(alice)
    looked = Barrier(MANY)

    def act(number: int) -> str:
        mine = Errand.objects.get(pk=errand.pk)
        looked.wait(20)
        if mine.state != State.AWAITING_PAYMENT:
            return "late"
        mine.state = State.CANCELLED if number % 2 else State.OPEN
        mine.save(update_fields=["state"])
        return mine.state

    assert set(at_once(act)) == {State.CANCELLED, State.OPEN}
