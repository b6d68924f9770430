"""Twenty identical posts with one key, and twenty payments of one errand, all at once."""

from __future__ import annotations

from collections import Counter
from threading import Barrier
from typing import Any

import pytest
from rest_framework.test import APIClient

from accounts.models import User
from common import clock
from common.models import AnsweredRequest
from errands import services
from errands.models import Errand, ErrandEvent
from errands.states import Kind, Move, State
from payments import escrow
from payments.models import Payment, Refund
from payments.selectors import balance_of_user
from tests.conftest import DROPOFF, PICKUP, make_errand, make_runner, pay_for, walk
from tests.races.crowd import MANY, at_once

pytestmark = [pytest.mark.races, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def posting(alice: User) -> dict[str, Any]:
    quote = services.quote_create(
        requester=alice, kind=Kind.DELIVERY, pickup=PICKUP, pickup_address="홍대입구역",
        dropoff=DROPOFF, now=clock.now(),
    )  # fmt: skip
    return {"quote_id": str(quote.pk), "reward": quote.reward_floor, "title": "우산 배달"}


def test_one_key_makes_one_errand(alice: User, posting: dict[str, Any]) -> None:

    def post(_number: int) -> int:
        client = APIClient()
        client.force_authenticate(alice)
        headers = {"Idempotency-Key": "the-same"}
        return client.post("/api/v1/errands", posting, headers=headers).status_code

    found = Counter(at_once(post))
    assert Errand.objects.count() == Payment.objects.count() == 1
    assert found[201] >= 1
    assert set(found) <= {201, 409}  # the first answer again, or "still running"
    assert AnsweredRequest.objects.count() == 1


@pytest.mark.control
def test_control_without_the_key_there_would_be_more(alice: User) -> None:
    assert len(set(at_once(lambda _number: make_errand(alice).pk))) == MANY


def test_one_quote_makes_one_errand_even_without_a_key(
    alice: User, posting: dict[str, Any]
) -> None:
    """Everybody saw the quote unused; the loser of the insert gets a 409 and not a crash."""

    def post(_number: int) -> int:
        client = APIClient(raise_request_exception=False)
        client.force_authenticate(alice)
        return client.post("/api/v1/errands", posting).status_code

    assert Counter(at_once(post)) == {201: 1, 409: MANY - 1}
    assert Errand.objects.count() == Payment.objects.count() == 1


def test_one_side_reviews_once(alice: User, bob: User) -> None:
    errand = walk(pay_for(make_errand(alice)), bob, State.DELIVERED)
    services.errand_confirm(errand_id=errand.pk, requester=alice, now=clock.now())

    def review(_number: int) -> str:
        services.review_give(
            errand_id=errand.pk, author=alice, stars=5, tags=[], comment="", now=clock.now()
        )
        return "given"

    assert Counter(at_once(review)) == {"given": 1, "already_reviewed": MANY - 1}


def test_a_raise_heard_of_by_many_counts_once_and_is_kept(alice: User) -> None:
    """The news and every worker's sweep at one moment: no one may send the money back."""
    errand = pay_for(make_errand(alice, reward=10_000))
    now = clock.now()
    order = services.raise_order_create(
        errand_id=errand.pk, requester=alice, reward=12_000, now=now
    )
    escrow.order_confirm(
        order_id=order.order_id, payer=alice, payment_key="sandbox_raise", amount=2_200, now=now
    )
    order.refresh_from_db()
    at_once(lambda _number: services.payment_apply(payment=order, now=now))
    errand.refresh_from_db()
    assert (errand.reward, escrow.escrow_held(errand.reference)) == (12_000, 13_200)
    assert not Refund.objects.exists()
    assert ErrandEvent.objects.filter(errand=errand, move=Move.RAISE).count() == 1


def test_a_move_sent_many_times_at_once_is_answered_to_all(alice: User, bob: User) -> None:
    """A phone that repeats itself: one confirmation, one settlement, and no refusal."""
    errand = walk(pay_for(make_errand(alice)), bob, State.DELIVERED)

    def confirm(_number: int) -> str:
        found = services.errand_confirm(errand_id=errand.pk, requester=alice, now=clock.now())
        return found.state

    assert Counter(at_once(confirm)) == {"completed": MANY}
    assert ErrandEvent.objects.filter(errand=errand, move=Move.CONFIRM).count() == 1
    assert balance_of_user(bob) == errand.reward


def test_one_runner_wins(alice: User) -> None:
    errand = pay_for(make_errand(alice))
    runners = [make_runner(f"runner{n}") for n in range(MANY)]

    def accept(number: int) -> str:
        services.errand_accept(errand_id=errand.pk, runner=runners[number], now=clock.now())
        return "won"

    assert Counter(at_once(accept)) == {"won": 1, "illegal_move": MANY - 1}
    assert ErrandEvent.objects.filter(errand=errand, move=Move.ACCEPT).count() == 1


@pytest.mark.control
def test_control_read_then_save_lets_several_win(alice: User) -> None:
    """What the conditional update guards against: everybody reads "open", everybody saves."""
    errand = pay_for(make_errand(alice))
    looked = Barrier(MANY)

    def accept(_number: int) -> bool:
        mine = Errand.objects.get(pk=errand.pk)
        looked.wait(10)
        if mine.state != State.OPEN:
            return False
        mine.state = State.ASSIGNED
        mine.save(update_fields=["state"])
        return True

    assert sum(at_once(accept)) > 1
