"""At once, through a Toss-compatible server: its books and ours stay the same."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Iterator

import pytest
from django.db import IntegrityError
from django.test import Client
from django.urls import reverse
from pytest_django import Settings

from accounts.models import User
from payments import escrow, ledger
from payments.gateways import Receiver
from payments.gateways.toss import TossGateway
from payments.models import Payment, Refund, Transfer, Webhook
from tests.races.crowd import MANY, at_once
from tests.toss.company import SECRET_KEY
from tests.toss.server import TossServer, toss_server, webhook

pytestmark = [pytest.mark.races, pytest.mark.django_db(transaction=True)]
MINUTE = dt.timedelta(minutes=1)


@pytest.fixture
def toss(settings: Settings) -> Iterator[TossServer]:
    with toss_server() as server:
        settings.PAYMENT_GATEWAY = "payments.gateways.toss.TossGateway"
        settings.TOSS_URL, settings.TOSS_SECRET_KEY = server.url, SECRET_KEY
        yield server


@pytest.fixture
def order(alice: User, now: dt.datetime) -> Payment:
    return escrow.order_create(
        reference="thing:1", subject="thing:1", payer=alice, amount=1_000, now=now
    )


def confirm(order: Payment, key: str, now: dt.datetime) -> Payment:
    return escrow.order_confirm(
        order_id=order.order_id, payer=order.payer, payment_key=key, amount=1_000, now=now
    )


def assert_same_books(toss: TossServer, held: int) -> None:
    assert toss.company.holds() == -ledger.balance_of(ledger.GATEWAY) == held


def test_twenty_confirmations_take_the_money_once(
    toss: TossServer, order: Payment, now: dt.datetime
) -> None:
    key = toss.company.agree(order.order_id, 1_000)
    outcome = Counter(map(str, at_once(lambda _n: str(confirm(order, key, now).state))))
    # The company tells who comes while it works on the first to wait: that is not a no.
    assert set(outcome) <= {"done", "gateway_unavailable"}
    escrow.orders_reconcile(now=now)
    assert_same_books(toss, 1_000)
    assert Transfer.objects.count() == 1


@pytest.mark.control
def test_control_a_key_for_each_try_moves_money_for_each(
    toss: TossServer, order: Payment, now: dt.datetime
) -> None:
    """What the one idempotency key of a refund is for."""
    key = toss.company.agree(order.order_id, 1_000)
    confirm(order, key, now)
    at_once(
        lambda n: TossGateway().cancel(
            payment_key=key, amount=10, reason="r", idempotency_key=f"try-{n}", timeout_s=10
        )
    )
    assert toss.company.holds() < 1_000 - 10


def test_confirming_against_canceling(toss: TossServer, order: Payment, now: dt.datetime) -> None:
    """Half confirm, half send back what is held: what was taken goes back once, or not at all."""
    key = toss.company.agree(order.order_id, 1_000)

    def act(number: int) -> None:
        if number % 2:
            confirm(order, key, now)
        else:
            refund = escrow.refund_order(order_id=order.order_id, reason="over", now=now)
            escrow.refund_send(refund_id=refund.pk, now=now)

    at_once(act)
    escrow.orders_reconcile(now=now)
    escrow.refunds_send(now=now + dt.timedelta(hours=2))
    assert toss.company.holds() in {0, 1_000}
    assert_same_books(toss, toss.company.holds())
    assert ledger.balance_of(ledger.REFUNDS) == 0


@pytest.fixture
def going_back(toss: TossServer, order: Payment, bob: User, now: dt.datetime) -> Refund:
    """₩100 of a deposit of ₩1,000, on their way back to an account that nobody gave yet."""
    key = toss.company.agree(order.order_id, 1_000, method="가상계좌")
    waiting = confirm(order, key, now)
    toss.company.deposit(key)
    escrow.order_read(payment=waiting, now=now)
    escrow.settle(
        reference="thing:1", kind="t", pay={bob.pk: 900}, commission=0, refund=100, now=now
    )
    return Refund.objects.get()


def test_twenty_accounts_for_one_refund_get_it_once(
    toss: TossServer, going_back: Refund, now: dt.datetime
) -> None:
    """Half give an account, each another one; half send."""
    payment = going_back.payment

    def act(number: int) -> str:
        if number % 2:
            return str(escrow.refund_send(refund_id=going_back.pk, now=now))
        escrow.refund_account_keep(
            payment=payment, bank="088", number=f"1101234567{number:02}", holder="김밥", now=now
        )
        return "kept"

    outcome = Counter(map(str, at_once(act)))
    assert outcome["kept"] == 1
    escrow.refunds_send(now=now + dt.timedelta(hours=2))
    assert_same_books(toss, 900)
    assert len(toss.company.payments[payment.payment_key]["cancels"]) == 1


@pytest.mark.control
def test_control_an_account_for_each_try_moves_money_for_each(
    toss: TossServer, going_back: Refund
) -> None:
    """What the one account of a refund is for."""
    at_once(
        lambda n: TossGateway().cancel(
            payment_key=going_back.payment.payment_key, amount=10, reason="r",
            idempotency_key="the-same", timeout_s=10,
            receiver=Receiver(bank="088", number=f"1101234567{n:02}", holder="김밥"),
        )
    )  # fmt: skip
    assert toss.company.holds() < 1_000 - 10


def store(order: Payment, key: str, now: dt.datetime) -> str:
    try:
        escrow.webhook_store(key=key, kind="t", order_id=order.order_id, body="{}", now=now)
    except IntegrityError:
        return "known"
    return "kept"


def test_the_same_webhook_twenty_times_is_kept_and_booked_once(
    toss: TossServer, alice: User, now: dt.datetime, order: Payment
) -> None:
    key = toss.company.agree(order.order_id, 1_000, method="가상계좌")
    confirm(order, key, now)
    toss.company.deposit(key)
    outcome = Counter(at_once(lambda _n: store(order, "the-same", now)))
    assert outcome == {"kept": 1, "known": MANY - 1}
    at_once(lambda _n: escrow.webhooks_process(now=now + MINUTE))
    assert_same_books(toss, 1_000)
    assert Transfer.objects.count() == 1


def test_the_same_webhook_posted_twenty_times_is_answered_to_all(
    toss: TossServer, now: dt.datetime, order: Payment
) -> None:
    """All that come at once hear 200, or the company would send it for days."""
    key = toss.company.agree(order.order_id, 1_000, method="가상계좌")
    confirm(order, key, now)
    toss.company.deposit(key)
    body = webhook(toss.company.payments[key])

    def post(_number: int) -> int:
        address, headers = reverse("webhook-toss"), {"tosspayments-webhook-transmission-id": "t-1"}
        sent = Client().post(address, body, content_type="application/json", headers=headers)
        return sent.status_code

    assert at_once(post) == [200] * MANY
    at_once(lambda _n: escrow.webhooks_process(now=now + MINUTE))
    assert Webhook.objects.exclude(done_at=None).count() == Webhook.objects.count() == 1
    assert_same_books(toss, 1_000)


@pytest.mark.control
def test_control_webhooks_without_a_key_in_common_are_all_kept(
    order: Payment, now: dt.datetime
) -> None:
    at_once(lambda n: store(order, f"key-{n}", now))
    assert Webhook.objects.count() == MANY
