"""A purchase: its budget is held beside the reward and settled to the won, whoever ends it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from rest_framework.test import APIClient

from accounts.models import User
from common.errors import NotFound
from errands import services
from errands.models import Errand, ErrandEvent, PhotoPurpose
from errands.policy import Reason
from errands.selectors import substitution_of
from errands.states import Kind, Move, State
from payments import escrow
from payments.ledger import COMMISSION, balance_of
from payments.models import Payment, Refund
from payments.selectors import balance_of_user, books_balance, expenses_of_user
from tests.conftest import DROPOFF, make_errand, make_photo, make_runner, pay_for, refused, walk

Client = Callable[[User | None], APIClient]
MINUTE = dt.timedelta(minutes=1)


def wanted(alice: User, now: dt.datetime, budget: int = 20_000) -> Errand:
    return make_errand(alice, kind=Kind.PURCHASE, reward=10_000, now=now, asked={"budget": budget})


@pytest.fixture
def shopping(alice: User, bob: User, now: dt.datetime) -> Errand:
    """Bob stands in the shop; ₩11,000 and a budget of ₩20,000 are held."""
    return walk(pay_for(wanted(alice, now), now=now), bob, State.AT_PICKUP, now=now)


def buy(errand: Errand, runner: User, amount: int, now: dt.datetime) -> Errand:
    photo = make_photo(errand, runner, PhotoPurpose.RECEIPT)
    return services.errand_buy(
        errand_id=errand.pk, runner=runner, photo_id=photo.pk, amount=amount, now=now
    )


def carried(errand: Errand, runner: User, now: dt.datetime) -> Errand:
    """Pick the goods up and bring them."""
    mine: dict[str, Any] = {"errand_id": errand.pk, "runner": runner, "now": now}
    photo = partial(make_photo, errand, runner)
    services.errand_pick_up(**mine, pin="", photo_id=photo(PhotoPurpose.PICKUP).pk)
    services.errand_arrive(**mine, position=DROPOFF, reason="")
    return services.errand_deliver(
        **mine, pin="", position=None, photo_id=photo(PhotoPurpose.DELIVERY).pk
    )


def got(runner: User) -> tuple[int, int, int]:
    """What the runner has earned, what is owed for the goods, and what goes back."""
    back = sum(Refund.objects.values_list("amount", flat=True))
    return balance_of_user(runner), expenses_of_user(runner), back


# --- The budget --------------------------------------------------------------------------


def test_the_budget_is_held_beside_the_price(alice: User, now: dt.datetime) -> None:
    errand = wanted(alice, now)
    assert (errand.reward, errand.service_fee, errand.budget) == (10_000, 1_000, 20_000)
    assert Payment.objects.get(reference=errand.reference).amount == errand.total == 31_000
    pay_for(errand, now=now)
    assert escrow.escrow_held(errand.reference) == 31_000


@pytest.mark.parametrize(
    ("kind", "budget", "code"),
    [
        (Kind.DELIVERY, 1_000, "budget_unused"),
        (Kind.QUEUE, 1_000, "budget_unused"),
        (Kind.PURCHASE, 300_001, "budget_too_high"),
    ],
)
def test_a_budget_has_its_place(
    alice: User, now: dt.datetime, kind: Kind, budget: int, code: str
) -> None:
    with refused(code):
        make_errand(alice, kind=kind, now=now, asked={"budget": budget})
    assert not Errand.objects.exists()


def more(errand: Errand, budget: int, now: dt.datetime) -> Payment:
    return services.budget_order_create(
        errand_id=errand.pk, requester=errand.requester, budget=budget, now=now
    )


def pay(order: Payment, now: dt.datetime) -> None:
    escrow.order_confirm(
        order_id=order.order_id, payer=order.payer, payment_key=f"sandbox_{order.pk}",
        amount=order.amount, now=now,
    )  # fmt: skip
    services.apply_paid(now=now)


def test_it_is_raised_by_an_order(shopping: Errand, bob: User, now: dt.datetime) -> None:
    with refused("over_budget"):
        buy(shopping, bob, 20_001, now)
    order = more(shopping, 25_000, now)
    assert order.amount == 5_000
    pay(order, now)
    services.payment_apply(payment=Payment.objects.get(pk=order.pk), now=now)
    shopping.refresh_from_db()
    assert (shopping.budget, shopping.state) == (25_000, State.AT_PICKUP)
    assert escrow.escrow_held(shopping.reference) == shopping.total == 36_000
    assert ErrandEvent.objects.filter(errand=shopping, move=Move.EXTEND).count() == 1
    assert not Refund.objects.exists()
    assert buy(shopping, bob, 20_001, now).spent == 20_001


def test_an_overtaken_or_late_one_is_sent_back(
    shopping: Errand, bob: User, now: dt.datetime
) -> None:
    first, second, third = (more(shopping, won, now) for won in (22_000, 25_000, 30_000))
    pay(second, now)
    pay(first, now)
    buy(shopping, bob, 24_000, now)
    carried(shopping, bob, now)
    pay(third, now)
    shopping.refresh_from_db()
    assert shopping.budget == 25_000
    assert escrow.escrow_held(shopping.reference) == shopping.total
    assert {refund.payment for refund in Refund.objects.all()} == {first, third}


def test_a_raised_reward_leaves_the_budget_alone(alice: User, now: dt.datetime) -> None:
    errand = pay_for(wanted(alice, now), now=now)
    order = services.raise_order_create(
        errand_id=errand.pk, requester=alice, reward=12_000, now=now
    )
    assert order.amount == 2_200
    pay(order, now)
    errand.refresh_from_db()
    assert (errand.reward, errand.budget, errand.total) == (12_000, 20_000, 33_200)


@pytest.mark.parametrize(
    ("budget", "code"),
    [(20_000, "budget_not_higher"), (1, "budget_not_higher"), (300_001, "budget_too_high")],
)
def test_a_budget_only_grows(shopping: Errand, now: dt.datetime, budget: int, code: str) -> None:
    with refused(code):
        more(shopping, budget, now)


def test_with_the_goods_in_hand_it_is_too_late(
    shopping: Errand, bob: User, now: dt.datetime
) -> None:
    buy(shopping, bob, 1_000, now)
    carried(shopping, bob, now)
    with refused("illegal_move"):
        more(shopping, 30_000, now)


# --- The receipt -------------------------------------------------------------------------


def test_what_was_spent_is_settled_to_the_won(
    shopping: Errand, alice: User, bob: User, now: dt.datetime
) -> None:
    buy(shopping, bob, 12_000, now)
    buy(shopping, bob, 12_345, now)
    carried(shopping, bob, now)
    services.errand_confirm(errand_id=shopping.pk, requester=alice, now=now)
    assert got(bob) == (10_000, 12_345, 20_000 - 12_345)
    assert balance_of(COMMISSION) == 1_000
    assert (books_balance().sound, books_balance().escrow) == (True, {})


def test_said_twice_it_is_one_event(shopping: Errand, bob: User, now: dt.datetime) -> None:
    assert [buy(shopping, bob, 12_000, now).spent for _twice in range(2)] == [12_000, 12_000]
    assert ErrandEvent.objects.filter(errand=shopping, move=Move.BUY).count() == 1


@pytest.mark.parametrize("amount", [0, -1, 20_001])
def test_an_amount_fits_the_budget(
    shopping: Errand, bob: User, now: dt.datetime, amount: int
) -> None:
    with refused("over_budget"):
        buy(shopping, bob, amount, now)
    shopping.refresh_from_db()
    assert shopping.spent is None


def test_a_receipt_is_a_photo_of_one(shopping: Errand, bob: User, now: dt.datetime) -> None:
    wrong = make_photo(shopping, bob, PhotoPurpose.PICKUP)
    with refused("photo_required"):
        services.errand_buy(
            errand_id=shopping.pk, runner=bob, photo_id=wrong.pk, amount=1_000, now=now
        )


def test_without_a_receipt_nothing_is_delivered(
    shopping: Errand, bob: User, now: dt.datetime
) -> None:
    with refused("receipt_required"):
        carried(shopping, bob, now)


def test_a_purchase_without_a_budget_is_as_before(alice: User, bob: User, now: dt.datetime) -> None:
    errand = walk(pay_for(wanted(alice, now, budget=0), now=now), bob, State.DELIVERED, now=now)
    services.errand_confirm(errand_id=errand.pk, requester=alice, now=now)
    assert got(bob) == (10_000, 0, 0)


# --- Early ends --------------------------------------------------------------------------


def test_a_cancellation_pays_for_what_was_bought(
    shopping: Errand, alice: User, bob: User, now: dt.datetime
) -> None:
    buy(shopping, bob, 12_345, now)
    services.errand_cancel(errand_id=shopping.pk, requester=alice, note="", now=now)
    assert got(bob) == (5_000, 12_345, 31_000 - 5_500 - 12_345)
    assert books_balance().sound


@pytest.mark.parametrize(("excused", "expected"), [(True, (5_000, 12_345)), (False, (0, 0))])
def test_a_failure_does_where_it_earns_its_fee(
    shopping: Errand, bob: User, now: dt.datetime, excused: bool, expected: tuple[int, int]
) -> None:
    buy(shopping, bob, 12_345, now)
    photo = make_photo(shopping, bob, PhotoPurpose.INCIDENT)
    services.errand_fail(
        errand_id=shopping.pk, runner=bob, reason=Reason.SHOP_CLOSED, note="",
        photo_id=photo.pk, position=shopping.pickup if excused else None, now=now,
    )  # fmt: skip
    assert got(bob)[:2] == expected
    assert escrow.escrow_held(shopping.reference) == 0


@pytest.mark.parametrize(
    ("percent", "repay", "expenses"),
    [(0, None, 0), (1, None, 12_345), (100, None, 12_345), (0, True, 12_345), (100, False, 0)],
)
def test_staff_who_give_the_runner_anything_repay_the_goods_or_decide_otherwise(
    shopping: Errand, alice: User, bob: User, dana: User, now: dt.datetime,
    percent: int, repay: bool | None, expenses: int,
) -> None:  # fmt: skip
    buy(shopping, bob, 12_345, now)
    carried(shopping, bob, now)
    services.errand_object(errand_id=shopping.pk, requester=alice, note="다른 것", now=now)
    services.errand_resolve(
        errand_id=shopping.pk,
        staff=dana,
        runner_percent=percent,
        reason="확인",
        now=now,
        repay=repay,
    )
    pay = percent * 100
    assert got(bob) == (pay, expenses, 31_000 - pay - pay // 10 - expenses)
    assert escrow.escrow_held(shopping.reference) == 0


@pytest.mark.parametrize(("given", "expected"), [({}, 12_345), ({"repay": False}, 0)])
def test_staff_who_stop_it_repay_a_receipt_that_they_believe(
    shopping: Errand, bob: User, dana: User, now: dt.datetime, given: dict[str, bool], expected: int
) -> None:
    buy(shopping, bob, 12_345, now)
    services.errand_stop(errand_id=shopping.pk, staff=dana, reason="신고", now=now, **given)
    assert got(bob) == (0, expected, 31_000 - expected)
    assert escrow.escrow_held(shopping.reference) == 0
    assert books_balance().sound


def test_who_gives_it_back_takes_the_receipt_along(
    shopping: Errand, alice: User, bob: User, now: dt.datetime
) -> None:
    buy(shopping, bob, 12_345, now)
    services.errand_ask(errand_id=shopping.pk, runner=bob, text="귤 대신 사과", now=now)
    services.errand_drop(errand_id=shopping.pk, runner=bob, reason="", now=now)
    rick = make_runner("rick")
    errand = Errand.objects.get(pk=shopping.pk)
    walk(errand, rick, State.AT_PICKUP, now=now + MINUTE)
    errand.refresh_from_db()
    assert (errand.spent, substitution_of(errand, now=now + MINUTE)) == (None, None)
    services.errand_cancel(errand_id=errand.pk, requester=alice, note="", now=now + MINUTE)
    assert (expenses_of_user(bob), expenses_of_user(rick)) == (0, 0)


# --- Something else ----------------------------------------------------------------------


def ask(errand: Errand, runner: User, now: dt.datetime, text: str = "귤 대신 사과") -> int:
    asked = services.errand_ask(errand_id=errand.pk, runner=runner, text=text, now=now)
    return asked.version


def answer(errand: Errand, sequence: int, now: dt.datetime, *, approved: bool = True) -> Errand:
    return services.errand_answer(
        errand_id=errand.pk, requester=errand.requester, sequence=sequence, approved=approved,
        now=now,
    )  # fmt: skip


def state_of(errand: Errand, now: dt.datetime) -> str:
    found = substitution_of(Errand.objects.get(pk=errand.pk), now=now)
    return found.state if found else ""


@pytest.mark.parametrize(("approved", "state"), [(True, "approved"), (False, "refused")])
def test_a_question_is_answered(
    shopping: Errand, bob: User, now: dt.datetime, approved: bool, state: str
) -> None:
    assert state_of(shopping, now) == ""
    sequence = ask(shopping, bob, now)
    assert state_of(shopping, now) == "asked"
    for _twice in range(2):
        answer(shopping, sequence, now, approved=approved)
    assert state_of(shopping, now + 60 * MINUTE) == state
    with refused("substitution_over"):
        answer(shopping, sequence, now, approved=not approved)
    assert ErrandEvent.objects.filter(errand=shopping, move=Move.ANSWER).count() == 1


def test_one_question_at_a_time(shopping: Errand, bob: User, now: dt.datetime) -> None:
    first = ask(shopping, bob, now)
    assert ask(shopping, bob, now) == first  # said twice
    with refused("substitution_open"):
        ask(shopping, bob, now, text="배")
    second = ask(shopping, bob, now + 10 * MINUTE, text="배")
    with refused("substitution_over"):
        answer(shopping, first, now + 10 * MINUTE)
    answer(shopping, second, now + 11 * MINUTE)
    assert state_of(shopping, now + 11 * MINUTE) == "approved"


def test_a_question_expires(shopping: Errand, bob: User, now: dt.datetime) -> None:
    sequence = ask(shopping, bob, now)
    assert state_of(shopping, now + 10 * MINUTE) == "expired"
    with refused("substitution_expired"):
        answer(shopping, sequence, now + 10 * MINUTE)
    answer(shopping, sequence, now + 10 * MINUTE - dt.timedelta(milliseconds=1))


def test_questions_are_for_the_shop(alice: User, bob: User, now: dt.datetime) -> None:
    delivery = walk(pay_for(make_errand(alice, now=now), now=now), bob, State.AT_PICKUP, now=now)
    with refused("illegal_move"):
        ask(delivery, bob, now)


# --- Over the API ------------------------------------------------------------------------


def path_of(errand: Errand, move: str = "") -> str:
    return f"/api/v1/errands/{errand.pk}{move and '/'}{move}"


def test_the_whole_purchase_over_the_api(
    shopping: Errand, alice: User, bob: User, api: Client, now: dt.datetime
) -> None:
    runner, requester = api(bob), api(alice)
    key = {"Idempotency-Key": "one"}
    asked = [
        runner.post(path_of(shopping, "ask"), {"text": "귤 대신 사과"}, headers=key).json()
        for _twice in range(2)
    ]
    assert asked[0] == asked[1]
    question = requester.get(path_of(shopping)).json()["substitution"]
    assert (question["text"], question["state"]) == ("귤 대신 사과", "asked")
    said = {"sequence": question["sequence"], "approved": True}
    answered = requester.post(path_of(shopping, "answer"), said).json()
    assert answered["substitution"]["state"] == "approved"
    order = requester.post(path_of(shopping, "budget"), {"budget": 21_000})
    assert (order.status_code, order.json()["amount"]) == (201, 1_000)
    receipt = make_photo(shopping, bob, PhotoPurpose.RECEIPT)
    body = {"photo_id": str(receipt.pk), "amount": 19_900}
    bought = runner.post(path_of(shopping, "receipt"), body).json()
    assert (bought["budget"], bought["spent"], bought["total"]) == (20_000, 19_900, 31_000)


@pytest.mark.parametrize(
    ("move", "whose", "body"),
    [
        ("ask", "bob", {"text": "배"}), ("receipt", "bob", {"amount": 1, "photo_id": "0" * 32}),
        ("answer", "alice", {"sequence": 1, "approved": True}),
        ("budget", "alice", {"budget": 30_000}),
    ],
)  # fmt: skip
def test_nobody_else_may(
    shopping: Errand, alice: User, bob: User, charlie: User, api: Client,
    move: str, whose: str, body: dict[str, object],
) -> None:  # fmt: skip
    body = body if move != "ask" else {"text": "배 대신 귤"}
    others = [charlie, alice if whose == "bob" else bob]
    for other in others:
        answer = api(other).post(path_of(shopping, move), body)
        assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
    assert api(None).post(path_of(shopping, move), body).status_code == 401
    assert Errand.objects.get(pk=shopping.pk).version == shopping.version
    with pytest.raises(NotFound):
        services.errand_ask(
            errand_id=shopping.pk, runner=charlie, text="x", now=shopping.created_at
        )


@pytest.mark.parametrize(
    ("move", "whose", "body"),
    [
        ("ask", "bob", {}), ("ask", "bob", {"text": "x"}), ("ask", "bob", {"text": "가" * 201}),
        ("receipt", "bob", {"amount": "1", "photo_id": "0" * 32}),
        ("receipt", "bob", {"amount": 1}),
        ("answer", "alice", {"sequence": 1}),
        ("answer", "alice", {"sequence": 0, "approved": True}),
        ("budget", "alice", {"budget": 300_001}), ("budget", "alice", {"budget": 1.5}),
    ],
)  # fmt: skip
def test_bad_input_stores_nothing(
    shopping: Errand, alice: User, bob: User, api: Client,
    move: str, whose: str, body: dict[str, object],
) -> None:  # fmt: skip
    answer = api(alice if whose == "alice" else bob).post(path_of(shopping, move), body)
    assert answer.status_code == 400
    assert answer["Content-Type"] == "application/problem+json"
    assert Errand.objects.get(pk=shopping.pk).version == shopping.version
    assert Payment.objects.count() == 1


def test_a_quote_says_what_will_be_held(alice: User, api: Client) -> None:
    asked = {
        "kind": "purchase", "pickup": {"lat": 37.5563, "lng": 126.9236}, "budget": 20_000,
        "pickup_address": "서울", "dropoff": {"lat": 37.5596, "lng": 126.9259},
    }  # fmt: skip
    quote = api(alice).post("/api/v1/quotes", asked).json()
    assert quote["budget"] == 20_000
    assert quote["total"] == quote["reward_floor"] + quote["service_fee"] + 20_000
