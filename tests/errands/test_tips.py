"""A tip: after the end, once, all of it the runner's, whatever news come twice or late."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from uuid import UUID

import pytest
from rest_framework.test import APIClient

from accounts.models import User
from common.errors import NotFound
from errands import receivers, services
from errands.models import Errand, Tip
from errands.states import State
from payments import escrow
from payments.ledger import COMMISSION, balance_of
from payments.models import Payment, PaymentState, Refund
from payments.selectors import balance_of_user, books_balance
from tests.conftest import make_errand, pay_for, refused, walk

Client = Callable[[User | None], APIClient]
WEEK = dt.timedelta(days=7)


@pytest.fixture
def done(alice: User, bob: User, now: dt.datetime) -> Errand:
    errand = walk(pay_for(make_errand(alice, now=now), now=now), bob, State.DELIVERED, now=now)
    return services.errand_confirm(errand_id=errand.pk, requester=alice, now=now)


def order(errand: Errand, amount: int, now: dt.datetime) -> Payment:
    return services.tip_order_create(
        errand_id=errand.pk, requester=errand.requester, amount=amount, now=now
    )


def pay(order: Payment, now: dt.datetime) -> Payment:
    return escrow.order_confirm(
        order_id=order.order_id, payer=order.payer, payment_key=f"sandbox_{order.pk}",
        amount=order.amount, now=now,
    )  # fmt: skip


def test_a_tip_is_all_the_runners(done: Errand, bob: User, now: dt.datetime) -> None:
    had, kept = balance_of_user(bob), balance_of(COMMISSION)
    paid = pay(order(done, 3_000, now), now)
    assert balance_of_user(bob) == had
    receivers.on_escrow_funded(order_id=paid.order_id)
    assert (balance_of_user(bob) - had, balance_of(COMMISSION) - kept) == (3_000, 0)
    assert Tip.objects.get().paid_at is not None
    books = books_balance()
    assert (books.sound, books.escrow) == (True, {})


def test_news_that_come_twice_give_it_once(done: Errand, bob: User, now: dt.datetime) -> None:
    had = balance_of_user(bob)
    paid = pay(order(done, 3_000, now), now)
    assert [services.apply_paid(now=now) for _twice in range(2)] == [1, 0]
    services.payment_apply(payment=paid, now=now)
    assert balance_of_user(bob) - had == 3_000
    assert not Refund.objects.exists()


def test_asked_for_again_it_is_the_same_order(done: Errand, now: dt.datetime) -> None:
    first = order(done, 3_000, now)
    assert order(done, 3_000, now) == first
    assert order(done, 3_000, first.expires_at) != first


def test_of_two_orders_the_last_counts(done: Errand, bob: User, now: dt.datetime) -> None:
    had = balance_of_user(bob)
    first, second = order(done, 3_000, now), order(done, 5_000, now)
    for paid in (pay(first, now), pay(second, now)):
        services.payment_apply(payment=paid, now=now)
        services.payment_apply(payment=paid, now=now)
    assert balance_of_user(bob) - had == 5_000
    assert [(refund.payment, refund.amount) for refund in Refund.objects.all()] == [(first, 3_000)]
    assert books_balance().escrow == {}


def test_a_lost_order_that_does_not_count_holds_nothing_up(
    done: Errand, bob: User, now: dt.datetime
) -> None:
    had = balance_of_user(bob)
    first, second = order(done, 3_000, now), order(done, 5_000, now)
    pay(second, now), pay(first, now)
    services.payment_apply(payment=second, now=now)
    services.payment_apply(payment=first, now=now)
    assert balance_of_user(bob) - had == 5_000
    assert Refund.objects.get().payment == first


def test_there_is_one_tip(done: Errand, now: dt.datetime) -> None:
    paid = pay(order(done, 3_000, now), now)
    with refused("tip_given"):  # paid, though nobody has heard of it
        order(done, 4_000, now)
    services.payment_apply(payment=paid, now=now)
    with refused("tip_given"):
        order(done, 3_000, now)
    assert Payment.objects.filter(subject=done.tip_reference).count() == 1


def test_while_one_is_perhaps_paid_there_is_no_other(done: Errand, now: dt.datetime) -> None:
    order(done, 3_000, now)
    Payment.objects.filter(subject=done.tip_reference).update(state=PaymentState.UNKNOWN)
    with refused("payment_in_progress"):
        order(done, 4_000, now)


def test_a_week_after_the_end_it_is_too_late(done: Errand, now: dt.datetime) -> None:
    with refused("tip_too_late"):
        order(done, 3_000, now + WEEK)
    order(done, 3_000, now + WEEK - dt.timedelta(milliseconds=1))


@pytest.mark.parametrize("state", [State.OPEN, State.ASSIGNED, State.DELIVERED])
def test_before_the_end_there_is_none(
    alice: User, bob: User, now: dt.datetime, state: State
) -> None:
    errand = pay_for(make_errand(alice, now=now), now=now)
    if state != State.OPEN:
        walk(errand, bob, state, now=now)
    with refused("not_ended"):
        order(errand, 3_000, now)
    assert not Tip.objects.exists()


@pytest.mark.parametrize(("amount", "code"), [(499, "tip_too_low"), (50_001, "tip_too_high")])
def test_limits(done: Errand, now: dt.datetime, amount: int, code: str) -> None:
    with refused(code):
        order(done, amount, now)
    assert not Tip.objects.exists()


# --- Over the API ------------------------------------------------------------------------


def path_of(errand_id: UUID) -> str:
    return f"/api/v1/errands/{errand_id}/tip"


def test_the_api_answers_an_order_and_later_the_tip(
    done: Errand, alice: User, bob: User, api: Client, now: dt.datetime
) -> None:
    answers = [
        api(alice).post(path_of(done.pk), {"amount": 2_000}, headers={"Idempotency-Key": "a"})
        for _twice in range(2)
    ]
    assert [answer.status_code for answer in answers] == [201, 201]
    assert answers[0].json() == answers[1].json()
    placed = Payment.objects.get(subject=done.tip_reference)
    assert (answers[0].json()["order_id"], answers[0].json()["amount"]) == (placed.order_id, 2_000)
    shown = f"/api/v1/errands/{done.pk}"
    assert api(bob).get(shown).json()["tip"] == 0
    services.payment_apply(payment=pay(placed, now), now=now)
    assert [api(user).get(shown).json()["tip"] for user in (alice, bob)] == [2_000, 2_000]
    assert "팁" in [row["note"] for row in api(bob).get("/api/v1/statement").json()["results"]]


def test_only_the_requester_tips(done: Errand, bob: User, charlie: User, api: Client) -> None:
    for other in (bob, charlie):
        answer = api(other).post(path_of(done.pk), {"amount": 2_000})
        assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
    assert api(None).post(path_of(done.pk), {"amount": 2_000}).status_code == 401
    with pytest.raises(NotFound):
        services.tip_order_create(
            errand_id=done.pk, requester=bob, amount=2_000, now=done.created_at
        )
    assert not Tip.objects.exists()


@pytest.mark.parametrize(
    "body", [{}, {"amount": 499}, {"amount": 50_001}, {"amount": "2000"}, {"amount": 600, "x": 1}]
)
def test_bad_input_stores_nothing(
    done: Errand, alice: User, api: Client, body: dict[str, object]
) -> None:
    answer = api(alice).post(path_of(done.pk), body)
    assert answer.status_code == 400
    assert answer["Content-Type"] == "application/problem+json"
    assert not Tip.objects.exists()
    assert not Payment.objects.filter(subject=done.tip_reference).exists()
