"""Webhooks as they come: late, twice, out of order, forged."""

from __future__ import annotations

import datetime as dt
import json
from contextlib import suppress
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from accounts.models import User
from common.errors import Unavailable
from payments import escrow, ledger, tasks, webhooks
from payments.models import Payment, PaymentState, Webhook
from tests.toss.server import BROKEN, DROP, TossServer, send, webhook

pytestmark = pytest.mark.django_db(transaction=True)
MINUTE = dt.timedelta(minutes=1)


def confirm(order: Payment, key: str, now: dt.datetime) -> Payment:
    return escrow.order_confirm(
        order_id=order.order_id, payer=order.payer, payment_key=key, amount=11_000, now=now
    )


def post(body: Any, transmission: str = "t-1") -> int:
    headers = {"tosspayments-webhook-transmission-id": transmission}
    answer = Client().post(
        reverse("webhook-toss"), body, content_type="application/json", headers=headers
    )
    return answer.status_code


def state_of(order: Payment) -> str:
    order.refresh_from_db()
    return order.state


@pytest.fixture
def waiting(toss: TossServer, order: Payment, now: dt.datetime) -> Payment:
    """A virtual account that nobody has paid into."""
    return confirm(order, toss.company.agree(order.order_id, 11_000, method="가상계좌"), now)


def test_a_deposit_is_booked_once_it_was_read(
    toss: TossServer, waiting: Payment, now: dt.datetime
) -> None:
    toss.company.deposit(waiting.payment_key)
    payment = toss.company.payments[waiting.payment_key]
    assert post(webhook(payment, "DEPOSIT_CALLBACK")) == 200
    assert state_of(waiting) == PaymentState.WAITING  # only stored yet
    assert escrow.webhooks_process(now=now + MINUTE) == 1
    assert state_of(waiting) == PaymentState.DONE
    assert toss.company.holds() == -ledger.balance_of(ledger.GATEWAY) == 11_000


def test_a_forged_deposit_is_not_believed(
    toss: TossServer, waiting: Payment, now: dt.datetime
) -> None:
    forged = toss.company.payments[waiting.payment_key] | {"status": "DONE"}
    assert post(webhook(forged)) == post(webhook(forged, "DEPOSIT_CALLBACK")) == 200
    escrow.webhooks_process(now=now + MINUTE)
    assert state_of(waiting) == PaymentState.WAITING
    assert ledger.balance_of(ledger.GATEWAY) == 0


def test_the_same_webhook_is_kept_once(toss: TossServer, waiting: Payment) -> None:
    body = webhook(toss.company.payments[waiting.payment_key])
    assert [post(body) for _time in range(8)] == [200] * 8
    assert Webhook.objects.count() == 1
    assert post(body, transmission="t-2") == 200
    assert Webhook.objects.count() == 2


def test_old_news_after_new_changes_nothing(
    toss: TossServer, waiting: Payment, now: dt.datetime
) -> None:
    old = webhook(dict(toss.company.payments[waiting.payment_key]))
    toss.company.deposit(waiting.payment_key)
    post(webhook(toss.company.payments[waiting.payment_key]), "new")
    escrow.webhooks_process(now=now + MINUTE)
    post(old, "old")
    assert escrow.webhooks_process(now=now + MINUTE) == 1
    assert state_of(waiting) == PaymentState.DONE
    assert ledger.balance_of(ledger.GATEWAY) == -11_000


def test_a_webhook_settles_an_unknown_outcome(
    toss: TossServer, order: Payment, now: dt.datetime
) -> None:
    key = toss.company.agree(order.order_id, 11_000)
    toss.troubles.append(("after", BROKEN))
    with suppress(Unavailable):
        confirm(order, key, now)
    post(webhook(toss.company.payments[key]))
    tasks.process_webhook(webhook_id=str(Webhook.objects.get().pk))
    assert state_of(order) == PaymentState.DONE


def test_while_the_company_is_silent_a_webhook_waits(
    toss: TossServer, order: Payment, now: dt.datetime
) -> None:
    key = toss.company.agree(order.order_id, 11_000)
    toss.troubles.extend([("before", DROP), ("before", DROP)])
    with suppress(Unavailable):
        confirm(order, key, now)
    post(webhook(toss.company.payments[key]))
    assert escrow.webhooks_process(now=now + MINUTE) == 0
    assert escrow.webhooks_process(now=now + MINUTE) == 0  # not again at once
    assert escrow.webhooks_process(now=now + 3 * MINUTE) == 1
    assert state_of(order) == PaymentState.DONE


@pytest.mark.parametrize(
    "body",
    [
        {}, [], "x", {"data": None}, {"orderId": "order-of-nobody"}, {"data": {"orderId": 1}},
        {"orderId": "\0"}, {"data": {"paymentKey": "\ud800"}},
    ],
)  # fmt: skip
def test_what_is_about_no_order_of_ours_is_dropped(toss: TossServer, body: Any) -> None:
    assert post(body if body == "x" else json.dumps(body)) in {200, 400}
    assert not Webhook.objects.exists()


def test_a_webhook_can_be_found_by_its_payment_key(toss: TossServer, waiting: Payment) -> None:
    assert post({"eventType": "CANCEL_STATUS_CHANGED", "data": {"paymentKey": waiting.payment_key}})
    assert Webhook.objects.get().order_id == waiting.order_id


def test_what_no_database_could_keep_is_no_error(toss: TossServer, waiting: Payment) -> None:
    body = json.dumps({"orderId": waiting.order_id, "eventType": "x\0"})
    assert post(body.encode("utf-16")) == 400
    assert post(body) == 200
    assert Webhook.objects.get().kind == "x"


def test_a_flood_about_one_order_is_not_kept(
    toss: TossServer, waiting: Payment, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(webhooks, "MOST_OF_AN_ORDER", 3)
    body = webhook(toss.company.payments[waiting.payment_key])
    assert {post(body, f"t-{number}") for number in range(5)} == {200}
    assert Webhook.objects.count() == 3


def test_one_too_large_is_refused(toss: TossServer, waiting: Payment) -> None:
    assert post({"orderId": waiting.order_id, "more": "x" * 70_000}) == 413
    assert not Webhook.objects.exists()


def test_staff_see_it_without_its_body(
    toss: TossServer, waiting: Payment, client: Client, dana: User
) -> None:
    body = webhook(toss.company.payments[waiting.payment_key])
    body["data"]["refundReceiveAccount"] = {"accountNumber": "110123456789"}
    post(body)
    client.force_login(dana)
    page = client.get(reverse("admin:payments_webhook_change", args=[Webhook.objects.get().pk]))
    assert waiting.order_id in page.content.decode()
    assert "110123456789" not in page.content.decode()


def test_done_with_long_ago_they_are_forgotten(
    toss: TossServer, waiting: Payment, now: dt.datetime
) -> None:
    post(webhook(toss.company.payments[waiting.payment_key]))
    escrow.webhooks_process(now=now + MINUTE)
    assert escrow.webhooks_forget(now=now + dt.timedelta(days=29)) == 0
    assert escrow.webhooks_forget(now=now + dt.timedelta(days=31)) == 1


def test_the_company_stops_sending_once_it_was_heard(
    toss: TossServer, waiting: Payment, alice: User, live_server: Any
) -> None:
    url = live_server.url + reverse("webhook-toss")
    body = webhook(toss.company.payments[waiting.payment_key])
    assert send(url, body, "t-1") == 1
    assert send(f"{live_server.url}/nowhere", body, "t-1") == 8
    assert Webhook.objects.count() == 1
