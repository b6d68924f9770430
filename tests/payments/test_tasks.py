from __future__ import annotations

import datetime as dt

import pytest

from common.redis import client as redis_client
from payments import escrow, tasks
from payments.models import Payment, PaymentState, Refund, RefundState
from tests.payments.conftest import Pay
from tests.payments.gateway import MemoryGateway, is_silent

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def refund(paid: Pay, now: dt.datetime) -> Refund:
    return escrow.refund_order(order_id=paid().order_id, reason="over", now=now)


def test_a_refund_puts_its_task_into_the_queue(refund: Refund) -> None:
    queued = redis_client().lrange("payments", 0, -1)
    assert len([message for message in queued if "payments.tasks.send_refund" in message]) == 1


def test_the_task_sends_the_refund(refund: Refund, company: type[MemoryGateway]) -> None:
    tasks.send_refund(refund_id=str(refund.pk))
    tasks.send_refund(refund_id=str(refund.pk))
    assert company.sent == {refund.reference: 11_000}


def test_the_sweep_sends_what_the_queue_lost(refund: Refund, company: type[MemoryGateway]) -> None:
    tasks.sweep_refunds()
    refund.refresh_from_db()
    assert refund.state == RefundState.DONE


def test_one_silence_does_not_stop_the_sweep(
    refund: Refund, paid: Pay, company: type[MemoryGateway], now: dt.datetime
) -> None:
    other = paid(500, reference="thing:2", subject="thing:2")
    escrow.refund_order(order_id=other.order_id, reason="over", now=now)
    company.before.append(is_silent)
    tasks.sweep_refunds()
    assert Refund.objects.filter(state=RefundState.DONE).count() == 1


def test_the_sweep_closes_orders(order: Payment, now: dt.datetime) -> None:
    tasks.sweep_orders()
    order.refresh_from_db()
    assert order.state == PaymentState.READY
    Payment.objects.filter(pk=order.pk).update(expires_at=now)
    tasks.sweep_orders()
    order.refresh_from_db()
    assert order.state == PaymentState.EXPIRED


def test_the_sweep_finishes_before_it_closes(order: Payment, now: dt.datetime) -> None:
    Payment.objects.filter(pk=order.pk).update(
        expires_at=now, payment_key="perhaps", state=PaymentState.UNKNOWN
    )
    tasks.sweep_orders()
    order.refresh_from_db()
    assert order.state == PaymentState.DONE


def test_tasks_of_a_newer_release_are_understood(refund: Refund) -> None:
    """Two releases share the queue during a switch."""
    tasks.send_refund(refund_id=str(refund.pk), added_later=1)
    tasks.sweep_refunds(added_later=1)
    tasks.sweep_orders(added_later=1)
    assert Refund.objects.get().state == RefundState.DONE
