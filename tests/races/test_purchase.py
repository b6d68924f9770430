"""Answers to one question, and news of one order, all at once; the guard with its control."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from threading import Barrier

import pytest

from accounts.models import User
from common.db import run_in_unit
from errands import receivers, services
from errands.models import Errand, ErrandEvent
from errands.states import Kind, Move, State
from payments import escrow
from payments.models import Refund
from payments.selectors import books_balance
from tests.conftest import make_errand, pay_for, walk
from tests.races.crowd import MANY, at_once

pytestmark = [pytest.mark.races, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def shopping(alice: User, bob: User, now: dt.datetime) -> Errand:
    errand = make_errand(alice, kind=Kind.PURCHASE, now=now, asked={"budget": 20_000})
    return walk(pay_for(errand, now=now), bob, State.AT_PICKUP, now=now)


def test_a_question_has_one_answer(
    shopping: Errand, alice: User, bob: User, now: dt.datetime
) -> None:
    asked = services.errand_ask(errand_id=shopping.pk, runner=bob, text="사과", now=now)

    def answer(number: int) -> str:
        services.errand_answer(
            errand_id=shopping.pk, requester=alice, sequence=asked.version,
            approved=bool(number % 2), now=now,
        )  # fmt: skip
        return "approved" if number % 2 else "refused"

    found = Counter(at_once(answer))
    [event] = ErrandEvent.objects.filter(errand=shopping, move=Move.ANSWER)
    assert set(found) <= {event.reason, "illegal_move", "substitution_over"}
    assert found[event.reason] >= 1


@pytest.mark.control
def test_control_without_the_version_every_answer_wins(shopping: Errand) -> None:
    looked = Barrier(MANY)

    def answer(_number: int) -> int:
        mine = Errand.objects.get(pk=shopping.pk)
        looked.wait(20)
        same_state = Errand.objects.filter(pk=mine.pk, state=State.AT_PICKUP)
        return run_in_unit(lambda: same_state.update(version=mine.version + 1))

    assert at_once(answer) == [1] * MANY


def test_a_larger_budget_heard_of_at_once_counts_once(
    shopping: Errand, alice: User, now: dt.datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    order = services.budget_order_create(
        errand_id=shopping.pk, requester=alice, budget=30_000, now=now
    )
    with monkeypatch.context() as deaf:  # so that nobody has heard of it before all of them do
        deaf.setattr(receivers, "payment_apply", lambda **_news: None)
        paid = escrow.order_confirm(
            order_id=order.order_id, payer=alice, payment_key="sandbox_more", amount=10_000,
            now=now,
        )  # fmt: skip
    at_once(lambda _number: services.payment_apply(payment=paid, now=now))
    shopping.refresh_from_db()
    assert shopping.budget == 30_000
    assert escrow.escrow_held(shopping.reference) == shopping.total
    assert not Refund.objects.exists()
    assert ErrandEvent.objects.filter(errand=shopping, move=Move.EXTEND).count() == 1
    assert books_balance().sound
