"""The pages that take a payment, as the server makes them."""

from __future__ import annotations

import datetime as dt
import re

import pytest
from django.test import Client
from django.urls import reverse
from pytest_django import Settings

from accounts.models import User
from payments import escrow, ledger
from payments.gateways.reasons import REASONS
from payments.models import Payment, PaymentState
from tests.toss.server import BROKEN, TossServer

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def token(toss: TossServer, order: Payment, alice: User, now: dt.datetime) -> str:
    return escrow.checkout_of(order_id=order.order_id, payer=alice, now=now).token


def said(order: Payment, key: str, **other: str) -> dict[str, str]:
    """What the company adds to the address of success."""
    return {"paymentKey": key, "orderId": order.order_id, "amount": "11000"} | other


def state_of(order: Payment) -> str:
    order.refresh_from_db()
    return order.state


def page(client: Client, name: str, token: str, **said: str) -> str:
    answer = client.get(reverse(name, args=[token]), said, follow=True)
    assert answer.status_code == 200
    return answer.content.decode()


def test_it_shows_what_is_paid_for_and_opens_the_window(
    client: Client, token: str, settings: Settings
) -> None:
    html = page(client, "pay", token)
    for wanted in ("심부름", "₩11,000", settings.TOSS_SDK_URL, settings.TOSS_CLIENT_KEY):
        assert wanted in html
    assert settings.TOSS_SECRET_KEY not in html


def test_only_the_scripts_of_this_answer_may_run(client: Client, token: str) -> None:
    first, second = (client.get(reverse("pay", args=[token])) for _time in range(2))
    policies = [answer["Content-Security-Policy"] for answer in (first, second)]
    nonces = [re.findall(r"'nonce-([\w-]+)'", policy) for policy in policies]
    assert nonces[0] != nonces[1]
    html = first.content.decode()
    assert set(re.findall(r'<script nonce="([^"]+)"', html)) == set(nonces[0])
    assert re.findall(r"<script(?! nonce=| id=\"page-data\")", html) == []
    assert "unsafe" not in policies[0]
    assert "https://*.tosspayments.com" in policies[0]
    # The windows of banks talk to the page that opened them.
    assert first["Cross-Origin-Opener-Policy"] == "same-origin-allow-popups"


def test_who_agreed_has_paid_and_a_reload_pays_nothing_more(
    client: Client, token: str, toss: TossServer, order: Payment
) -> None:
    key = toss.company.agree(order.order_id, 11_000)
    for _time in range(3):
        assert "결제가 끝났어요" in page(client, "pay-success", token, **said(order, key))
    assert (state_of(order), len(toss.company.asked)) == (PaymentState.DONE, 1)
    assert toss.company.holds() == -ledger.balance_of(ledger.GATEWAY) == 11_000


@pytest.mark.parametrize(
    "change",
    [
        {"amount": "1"}, {"amount": ""}, {"orderId": "order-000002"}, {"paymentKey": ""},
        {"paymentKey": "a\0"}, {"paymentKey": "x" * 201},
    ],
)  # fmt: skip
def test_another_amount_or_order_asks_for_no_money(
    client: Client, token: str, toss: TossServer, order: Payment, change: dict[str, str]
) -> None:
    key = toss.company.agree(order.order_id, 11_000)
    html = page(client, "pay-success", token, **said(order, key, **change))
    assert "저희가 요청한 것과 달라요" in html
    assert (state_of(order), toss.company.asked) == (PaymentState.READY, [])


def test_a_card_that_is_refused_says_why_and_may_be_changed(
    client: Client, token: str, toss: TossServer, order: Payment
) -> None:
    refused = toss.company.agree(order.order_id, 11_000, method="거절")
    html = page(client, "pay-success", token, **said(order, refused))
    assert str(REASONS["REJECT_CARD_PAYMENT"]) in html
    assert reverse("pay", args=[token]) in html
    good = toss.company.agree(order.order_id, 11_000)
    assert "결제가 끝났어요" in page(client, "pay-success", token, **said(order, good))


def test_while_nobody_knows_it_asks_not_to_pay_again(
    client: Client, token: str, toss: TossServer, order: Payment, now: dt.datetime
) -> None:
    key = toss.company.agree(order.order_id, 11_000)
    toss.troubles.append(("after", BROKEN))
    html = page(client, "pay-success", token, **said(order, key))
    assert "다시 결제하지 마세요" in html
    assert 'http-equiv="refresh"' in html
    assert escrow.orders_reconcile(now=now) == 1
    assert "결제가 끝났어요" in page(client, "pay", token)


def test_a_virtual_account_is_shown(
    client: Client, token: str, toss: TossServer, order: Payment
) -> None:
    key = toss.company.agree(order.order_id, 11_000, method="가상계좌")
    assert "X6505636518308" in page(client, "pay-success", token, **said(order, key))


@pytest.mark.parametrize("code", sorted(REASONS))
def test_each_code_has_its_meaning(client: Client, token: str, code: str) -> None:
    html = page(client, "pay-fail", token, code=code, message="<b>Call 02-000-0000</b>")
    assert str(REASONS[code]) in html.replace("&#x27;", "'")
    assert "02-000-0000" not in html


def test_an_unknown_code_is_no_error(client: Client, token: str, order: Payment) -> None:
    assert "결제하지 못했어요" in page(client, "pay-fail", token, code="SOMETHING_NEW")
    assert state_of(order) == PaymentState.READY


def test_an_order_that_is_over_says_so(client: Client, token: str, order: Payment) -> None:
    Payment.objects.filter(pk=order.pk).update(state=PaymentState.EXPIRED)
    html = page(client, "pay", token)
    assert "결제할 수 있는 시간이 지났어요" in html
    assert "<script" not in html


@pytest.mark.parametrize("name", ["pay", "pay-success", "pay-fail"])
def test_a_forged_link_opens_nothing(client: Client, token: str, name: str) -> None:
    answer = client.get(reverse(name, args=[f"{token}x"]))
    assert answer.status_code == 404
    assert "11,000" not in answer.content.decode()
    assert client.post(reverse(name, args=[token])).status_code == 405


def test_the_sandbox_pays_without_a_window(
    client: Client, token: str, order: Payment, settings: Settings
) -> None:
    settings.PAYMENT_GATEWAY = "payments.gateways.sandbox.SandboxGateway"
    html = page(client, "pay", token)
    assert "연습용 환경이에요" in html
    assert "tosspayments" not in html
    fields = dict(re.findall(r'name="(\w+)" value="([^"]+)"', html))
    declined = {name: fields[name] for name in ("orderId", "amount", "paymentKey")}
    assert "결제되지 않았어요" in page(client, "pay-success", token, **declined)
    paid = declined | {"paymentKey": f"sandbox_ok_{order.order_id}"}
    assert paid["paymentKey"] in html
    assert "결제가 끝났어요" in page(client, "pay-success", token, **paid)


def test_the_page_speaks_english_too(client: Client, token: str) -> None:
    client.cookies["django_language"] = "en"
    assert "Pay ₩11,000" in page(client, "pay", token)
