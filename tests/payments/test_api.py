from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from rest_framework.test import APIClient

from accounts.models import User
from common.models import AnsweredRequest
from payments import escrow, ledger
from payments.models import Payment, PaymentState, Transfer
from tests.payments.conftest import SUBJECT, Pay
from tests.payments.gateway import Crash, MemoryGateway, crashes, declines, is_silent

pytestmark = pytest.mark.django_db(transaction=True)

Api = Callable[..., APIClient]
Company = type[MemoryGateway]
GOOD = {"payment_key": "key-1", "amount": 11_000}


@pytest.fixture
def client(api: Api, alice: User) -> APIClient:
    return api(alice)


@pytest.fixture
def url(order: Payment) -> str:
    return f"/api/v1/payments/{order.order_id}/confirm"


@pytest.fixture
def untouched(order: Payment) -> Iterator[None]:
    """Whatever the test did, nothing may have been stored."""
    yield
    order.refresh_from_db()
    assert (order.state, order.payment_key) == (PaymentState.READY, "")
    assert not Transfer.objects.exists()
    assert not AnsweredRequest.objects.exists()


# --- Confirm -----------------------------------------------------------------------------


def test_confirm_holds_the_money(client: APIClient, url: str, order: Payment) -> None:
    answer = client.post(url, GOOD)
    assert answer.status_code == 200
    body = answer.json()
    assert body.pop("paid_at")
    assert body.pop("expires_at")
    assert body == {
        "order_id": order.order_id,
        "reference": SUBJECT,
        "amount": 11_000,
        "refunded": 0,
        "state": "done",
        "deposit_to": "",
        "deposit_until": None,
        "refund_account_missing": False,
    }
    assert escrow.escrow_held(SUBJECT) == 11_000


def test_the_same_key_gives_the_first_answer(client: APIClient, url: str, company: Company) -> None:
    first = client.post(url, GOOD, headers={"Idempotency-Key": "k1"})
    again = client.post(url, GOOD, headers={"Idempotency-Key": "k1"})
    assert again.json() == first.json()
    assert again.headers["Idempotent-Replayed"] == "true"
    assert len(company.asked) == 1
    assert escrow.escrow_held(SUBJECT) == 11_000


def test_the_answer_is_kept_for_15_days(client: APIClient, url: str, now: dt.datetime) -> None:
    client.post(url, GOOD, headers={"Idempotency-Key": "k1"})
    kept = AnsweredRequest.objects.get().expires_at - now
    assert dt.timedelta(days=15) <= kept < dt.timedelta(days=15, minutes=1)


def test_a_key_of_another_order_is_refused_before_the_gateway(
    client: APIClient, url: str, company: Company, alice: User, now: dt.datetime
) -> None:
    other = escrow.order_create(
        reference="thing:2", subject="thing:2", payer=alice, amount=11_000, now=now
    )
    client.post(url, GOOD, headers={"Idempotency-Key": "k1"})
    answer = client.post(
        f"/api/v1/payments/{other.order_id}/confirm", GOOD, headers={"Idempotency-Key": "k1"}
    )
    assert (answer.status_code, answer.json()["code"]) == (422, "idempotency_key_reused")
    assert len(company.asked) == 1
    other.refresh_from_db()
    assert other.state == PaymentState.READY


def test_without_a_key_it_is_harmless_to_repeat(
    client: APIClient, url: str, company: Company
) -> None:
    assert client.post(url, GOOD).json() == client.post(url, GOOD).json()
    assert len(company.asked) == 1


def test_a_crash_is_repaired_by_the_same_request(
    client: APIClient, url: str, company: Company
) -> None:
    company.after.append(crashes)
    with pytest.raises(Crash):
        client.post(url, GOOD, headers={"Idempotency-Key": "k1"})
    assert (company.holds(), escrow.escrow_held(SUBJECT)) == (11_000, 0)
    answer = client.post(url, GOOD, headers={"Idempotency-Key": "k1"})
    assert answer.status_code == 200
    assert company.holds() == escrow.escrow_held(SUBJECT) == 11_000


@pytest.mark.usefixtures("untouched")
def test_a_declined_payment(client: APIClient, url: str, company: Company) -> None:
    company.before.append(declines)
    answer = client.post(url, GOOD, headers={"Idempotency-Key": "k1"})
    assert answer.status_code == 409
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.json()["code"] == "payment_declined"


def test_a_silent_gateway_asks_to_come_again(client: APIClient, url: str, company: Company) -> None:
    company.before.append(is_silent)
    answer = client.post(url, GOOD)
    assert (answer.status_code, answer.json()["code"]) == (503, "gateway_unavailable")
    assert int(answer.headers["Retry-After"]) > 0
    assert client.post(url, GOOD).status_code == 200


@pytest.mark.usefixtures("untouched")
@pytest.mark.parametrize("who", ["charlie", "dana"])
def test_only_the_payer_sees_an_order(
    request: pytest.FixtureRequest, api: Api, url: str, company: Company, who: str
) -> None:
    stranger = api(request.getfixturevalue(who))
    for answer in (stranger.post(url, GOOD), stranger.get(url.removesuffix("/confirm"))):
        assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
    assert company.asked == []


@pytest.mark.usefixtures("untouched")
def test_nobody_logged_in_sees_nothing(api: Api, url: str) -> None:
    assert api().post(url, GOOD).status_code == 401
    for path in (url.removesuffix("/confirm"), "/api/v1/balance", "/api/v1/statement"):
        assert api().get(path).status_code == 401


@pytest.mark.usefixtures("untouched")
@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"amount": 11_000}, "payment_key"),
        ({"payment_key": "k"}, "amount"),
        ({**GOOD, "payment_key": ""}, "payment_key"),
        ({**GOOD, "payment_key": "k" * 201}, "payment_key"),
        ({**GOOD, "payment_key": ["k"]}, "payment_key"),
        ({**GOOD, "payment_key": 7}, "payment_key"),
        ({**GOOD, "payment_key": None}, "payment_key"),
        ({**GOOD, "payment_key": "a\x00b"}, "payment_key"),
        ({**GOOD, "amount": "11000"}, "amount"),
        ({**GOOD, "amount": 11_000.0}, "amount"),
        ({**GOOD, "amount": True}, "amount"),
        ({**GOOD, "amount": 0}, "amount"),
        ({**GOOD, "amount": -1}, "amount"),
        ({**GOOD, "amount": 10**30}, "amount"),
        ({**GOOD, "tip": 1}, "tip"),
    ],
)
def test_bad_input_is_named(
    client: APIClient, url: str, company: Company, body: dict[str, Any], field: str
) -> None:
    answer = client.post(url, body)
    assert answer.status_code == 400
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert [error["field"] for error in answer.json()["errors"]] == [field]
    assert company.asked == []


@pytest.mark.usefixtures("untouched")
@pytest.mark.parametrize("body", [b"{", b"[]", b"null", b'"text"', b"\xff"])
def test_what_is_no_object_is_refused(client: APIClient, url: str, body: bytes) -> None:
    answer = client.post(url, data=body, content_type="application/json")
    assert answer.status_code == 400


@pytest.mark.usefixtures("untouched")
def test_another_amount_names_the_right_one(client: APIClient, url: str) -> None:
    answer = client.post(url, {**GOOD, "amount": 1})
    assert answer.status_code == 422
    assert (answer.json()["code"], answer.json()["expected"]) == ("amount_mismatch", 11_000)


def test_an_expired_order(client: APIClient, url: str, order: Payment, company: Company) -> None:
    Payment.objects.filter(pk=order.pk).update(expires_at=order.created_at)
    answer = client.post(url, GOOD)
    assert (answer.status_code, answer.json()["code"]) == (409, "payment_expired")
    assert company.asked == []


# --- Order, balance, statement -----------------------------------------------------------


def test_an_order_can_be_looked_at(client: APIClient, order: Payment) -> None:
    answer = client.get(f"/api/v1/payments/{order.order_id}")
    assert answer.status_code == 200
    assert (answer.json()["state"], answer.json()["paid_at"]) == ("ready", None)
    assert "payment_key" not in answer.json()


def test_an_unknown_order(client: APIClient) -> None:
    answer = client.get("/api/v1/payments/order-unknown")
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


def test_a_newcomer_has_nothing(client: APIClient) -> None:
    assert client.get("/api/v1/balance").json() == {
        "balance": 0, "expenses": 0, "currency": "KRW",
    }  # fmt: skip
    assert client.get("/api/v1/statement").json()["results"] == []


def test_a_balance_and_its_statement(api: Api, paid: Pay, bob: User, now: dt.datetime) -> None:
    for number in range(3):
        subject = f"thing:{number}"
        paid(1_000, reference=subject, subject=subject)
        transfer = escrow.settle(
            reference=subject, kind="confirm", pay={bob.pk: 900}, commission=100, refund=0, now=now
        )
    ledger.reverse(transfer=transfer)
    assert api(bob).get("/api/v1/balance").json()["balance"] == 1_800
    page = api(bob).get("/api/v1/statement?page_size=3").json()
    assert [(row["kind"], row["amount"]) for row in page["results"]] == [
        ("reversal", -900),
        ("confirm", 900),
        ("confirm", 900),
    ]
    assert set(page["results"][0]) == {"id", "at", "kind", "subject", "amount", "note"}
    assert page["results"][0]["note"] != page["results"][1]["note"]
    rest = api(bob).get(page["next"]).json()
    assert [row["subject"] for row in rest["results"]] == ["thing:0"]
    assert rest["next"] is None


def test_a_statement_is_read_in_two_steps_whatever_its_length(
    api: Api, paid: Pay, bob: User, now: dt.datetime, django_assert_max_num_queries: Any
) -> None:
    for number in range(5):
        subject = f"thing:{number}"
        paid(1_000, reference=subject, subject=subject)
        escrow.settle(
            reference=subject, kind="x", pay={bob.pk: 1_000}, commission=0, refund=0, now=now
        )
    with django_assert_max_num_queries(3):
        assert len(api(bob).get("/api/v1/statement").json()["results"]) == 5


def test_a_statement_is_ones_own(api: Api, paid: Pay, bob: User, charlie: User) -> None:
    paid()
    assert api(charlie).get("/api/v1/statement").json()["results"] == []
