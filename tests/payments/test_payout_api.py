from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from typing import Any

import pytest
from rest_framework.test import APIClient

from accounts.models import User
from payments.models import BankAccount, Payout
from payments.selectors import balance_of_user
from tests.payments.paid import (
    NUMBER,
    RESIDENT,
    approved,
    earn,
    make_checker,
    requested,
    settled,
    with_account,
)

pytestmark = pytest.mark.django_db(transaction=True)

Api = Callable[..., APIClient]
ACCOUNT = "/api/v1/bank-account"
PAYOUTS = "/api/v1/payouts"
GOOD = {"bank": "088", "account_number": NUMBER, "holder": "김밥", "resident_number": RESIDENT}


def test_an_account_shows_four_digits(
    api: Api, bob: User, caplog: pytest.LogCaptureFixture
) -> None:
    answer = api(bob).put(ACCOUNT, GOOD)
    assert answer.status_code == 200
    body = answer.json()
    assert body.pop("checked_at")
    assert body == {
        "bank": "088", "last4": "6789", "holder": "김밥", "resident_number_kept": True,
        "weekly": False, "payout_at": None,
    }  # fmt: skip
    assert api(bob).get(ACCOUNT).json()["last4"] == "6789"
    shown = f"{body} {caplog.text}"
    assert not any(digits in shown for digits in ("110123456789", NUMBER, RESIDENT, "1234568"))


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"bank": "999"}, "bank"),
        ({"account_number": "1"}, "account_number"),
        ({"account_number": 110123456789}, "account_number"),
        ({"holder": ""}, "holder"),
        ({"resident_number": "900101-1234567"}, "resident_number"),
        ({"resident_number": None}, "resident_number"),
        ({"weekly": "yes"}, "weekly"),
        ({"verified": True}, "verified"),
    ],
)
def test_a_wrong_account_is_named_and_not_repeated(
    api: Api, bob: User, given: dict[str, Any], field: str
) -> None:
    answer = api(bob).put(ACCOUNT, {**GOOD, **given})
    assert answer.status_code == 400
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert [error["field"] for error in answer.json()["errors"]] == [field]
    assert "1234567" not in answer.content.decode()
    assert not BankAccount.objects.exists()


def test_a_request_and_its_repetition(api: Api, bob: User, now: dt.datetime) -> None:
    with_account(bob, now)
    earn(bob, 10_000)
    first = api(bob).post(PAYOUTS, {"amount": 4_000}, headers={"Idempotency-Key": "k"})
    again = api(bob).post(PAYOUTS, {"amount": 4_000}, headers={"Idempotency-Key": "k"})
    assert (first.status_code, again.json()) == (201, first.json())
    assert (first.json()["net"], first.json()["state"]) == (3_870, "requested")
    assert balance_of_user(bob) == 6_000
    assert api(bob).post(PAYOUTS, {}).json()["gross"] == 6_000
    listed = api(bob).get(PAYOUTS).json()["results"]
    assert [row["gross"] for row in listed] == [6_000, 4_000]
    assert api(bob).get(f"{PAYOUTS}/{first.json()['id']}").json() == first.json()


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"amount": 999}, 400, "below_minimum"),
        ({"amount": 10_001}, 409, "insufficient_funds"),
        ({"amount": "5000"}, 400, "invalid"),
        ({"amount": 0}, 400, "invalid"),
        ({"to": "me"}, 400, "invalid"),
    ],
)
def test_a_refused_request_leaves_the_balance(
    api: Api, bob: User, now: dt.datetime, body: dict[str, Any], status: int, code: str
) -> None:
    with_account(bob, now)
    earn(bob, 10_000)
    answer = api(bob).post(PAYOUTS, body, headers={"Idempotency-Key": "k"})
    assert answer.status_code == status
    if code != "invalid":
        assert answer.json()["code"] == code
    assert balance_of_user(bob) == 10_000
    assert not Payout.objects.exists()


def test_a_stranger_sees_nothing(
    api: Api, bob: User, charlie: User, dana: User, now: dt.datetime
) -> None:
    with_account(bob, now)
    payout = requested(bob, 5_000, now)
    for who in (charlie, dana):
        paths = [f"{PAYOUTS}/{payout.pk}", f"{PAYOUTS}/{payout.pk}/statement", ACCOUNT]
        assert [api(who).get(path).status_code for path in paths] == [404] * 3
        assert api(who).get(PAYOUTS).json()["results"] == []
        assert api(who).get("/api/v1/payout-years/2026").status_code == 404
    for path in (ACCOUNT, PAYOUTS, f"{PAYOUTS}/{payout.pk}"):
        assert api().get(path).status_code == 401
    assert api().put(ACCOUNT, GOOD).status_code == api().post(PAYOUTS, {}).status_code == 401


def test_statements_are_downloaded(api: Api, bob: User, dana: User, now: dt.datetime) -> None:
    with_account(bob, now)
    payout = requested(bob, 5_000, now)
    early = api(bob).get(f"{PAYOUTS}/{payout.pk}/statement", headers={"Accept": "application/pdf"})
    assert (early.status_code, early.json()["code"]) == (409, "not_paid_out")
    settled(approved(dana, make_checker(), now), dana, now)
    for path in (f"{PAYOUTS}/{payout.pk}/statement", f"/api/v1/payout-years/{now.year}"):
        answer = api(bob).get(path, headers={"Accept": "application/pdf"})
        assert answer.status_code == 200
        assert answer.headers["Content-Type"] == "application/pdf"
        assert answer.headers["Cache-Control"] == "private, no-store"
        assert answer.content.startswith(b"%PDF-")
    assert api(bob).get("/api/v1/payout-years/99999").status_code == 404
