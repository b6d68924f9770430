"""What an app needs to open the payment window, from the gateway that is set."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable

import pytest
from django.core.signing import TimestampSigner
from pytest_django import Settings
from rest_framework.test import APIClient

from accounts.models import User
from common.errors import NotFound
from errands import services
from payments import escrow
from payments.models import Payment, PaymentState
from tests.conftest import make_errand, pay_for
from tests.toss.server import TossServer

pytestmark = pytest.mark.django_db(transaction=True)

CUSTOMER_KEY = re.compile(r"[A-Za-z0-9\-_=.@]{2,50}")
MINUTE = dt.timedelta(minutes=1)
Api = Callable[..., APIClient]


def url(order: Payment) -> str:
    return f"/api/v1/payments/{order.order_id}/checkout"


def test_the_window_gets_what_it_asks_for(
    toss: TossServer, api: Api, alice: User, order: Payment, settings: Settings
) -> None:
    body = api(alice).get(url(order)).json()
    page = body.pop("page_url")
    assert page.startswith(f"{settings.PUBLIC_URL}/pay/{order.order_id}")
    assert body.pop("success_url") == f"{page}/success"
    assert body.pop("fail_url") == f"{page}/fail"
    assert CUSTOMER_KEY.fullmatch(body.pop("customer_key"))
    assert body.pop("expires_at")
    assert body == {
        "gateway": "toss",
        "client_key": "test_ck_of_our_own_server",
        "order_id": order.order_id,
        "order_name": "심부름",
        "amount": {"value": 11_000, "currency": "KRW"},
        "sandbox_key": "",
    }


def test_a_payer_is_always_the_same_customer_and_nobody_knows_who(
    toss: TossServer, api: Api, alice: User, charlie: User, order: Payment, now: dt.datetime
) -> None:
    def key_of(user: User) -> str:
        made = escrow.order_create(
            reference="thing:2", subject="thing:2", payer=user, amount=1_000, now=now
        )
        return str(api(user).get(url(made)).json()["customer_key"])

    assert key_of(alice) == key_of(alice) != key_of(charlie)
    assert alice.pk.hex not in key_of(alice).replace("-", "")


def test_in_the_sandbox_its_key_confirms(
    api: Api, alice: User, order: Payment, settings: Settings
) -> None:
    settings.PAYMENT_GATEWAY = "payments.gateways.sandbox.SandboxGateway"
    body = api(alice).get(url(order)).json()
    assert (body["gateway"], body["client_key"]) == ("sandbox", "")
    given = {"payment_key": body["sandbox_key"], "amount": body["amount"]["value"]}
    answer = api(alice).post(f"/api/v1/payments/{order.order_id}/confirm", given)
    assert answer.json()["state"] == PaymentState.DONE


@pytest.mark.parametrize("who", ["charlie", "dana"])
def test_nobody_else_sees_it(
    api: Api, who: str, request: pytest.FixtureRequest, order: Payment
) -> None:
    assert api(request.getfixturevalue(who)).get(url(order)).status_code == 404
    assert api().get(url(order)).status_code == 401


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"state": PaymentState.DONE}, "already_paid"),
        ({"state": PaymentState.UNKNOWN}, "payment_in_progress"),
        ({"state": PaymentState.WAITING}, "payment_in_progress"),
        ({"state": PaymentState.EXPIRED}, "payment_expired"),
        ({"expires_at": dt.datetime(2026, 1, 1, tzinfo=dt.UTC)}, "payment_expired"),
    ],
)
def test_what_cannot_be_paid_says_why(
    toss: TossServer, api: Api, alice: User, order: Payment, change: dict[str, object], code: str
) -> None:
    Payment.objects.filter(pk=order.pk).update(**change)
    answer = api(alice).get(url(order))
    assert (answer.status_code, answer.json()["code"]) == (409, code)
    assert answer["Content-Type"] == "application/problem+json"


def test_the_name_says_what_for_and_not_what_the_payer_wrote(
    api: Api, alice: User, now: dt.datetime
) -> None:
    errand = pay_for(make_errand(alice, title="약 사다 주세요"))
    assert Payment.objects.get(reference=errand.reference).name == "배달 심부름"
    order = services.raise_order_create(
        errand_id=errand.pk, requester=alice, reward=errand.reward + 1_000, now=now
    )
    assert api(alice).get(url(order)).json()["order_name"] == "심부름 보수 올리기"


def test_a_link_is_ours_and_grows_old(order: Payment, now: dt.datetime, alice: User) -> None:
    token = escrow.checkout_of(order_id=order.order_id, payer=alice, now=now).token
    assert escrow.order_behind(token) == order
    for forged in (f"{token}x", order.order_id, TimestampSigner(salt="x").sign(order.order_id)):
        with pytest.raises(NotFound):
            escrow.order_behind(forged)


def test_an_old_link_opens_nothing(
    order: Payment, now: dt.datetime, alice: User, settings: Settings
) -> None:
    token = escrow.checkout_of(order_id=order.order_id, payer=alice, now=now).token
    settings.CHECKOUT_LINK_LIFE = dt.timedelta(seconds=-1)
    with pytest.raises(NotFound):
        escrow.order_behind(token)
