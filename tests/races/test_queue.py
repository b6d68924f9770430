"""A phone that checks in many times at once, and an extension paid meanwhile."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from threading import Barrier

import pytest

from accounts.models import User
from errands import services
from errands.models import Errand, ErrandEvent, PhotoPurpose
from errands.selectors import blocks_of
from errands.states import Kind, Move, State
from payments import escrow
from tests.conftest import PICKUP, make_errand, make_photo, pay_for, walk
from tests.races.crowd import MANY, at_once

pytestmark = [pytest.mark.races, pytest.mark.django_db(transaction=True)]
BLOCK = dt.timedelta(minutes=15)


@pytest.fixture
def standing(alice: User, bob: User, now: dt.datetime) -> Errand:
    errand = make_errand(
        alice, kind=Kind.QUEUE, reward=100_000, now=now, asked={"expected_minutes": 240}
    )
    return walk(pay_for(errand, now=now), bob, State.PICKED_UP, now=now)


def test_one_block_begins(standing: Errand, bob: User, now: dt.datetime) -> None:
    photos = [make_photo(standing, bob, PhotoPurpose.WAITING).pk for _each in range(10)]

    def check_in(number: int) -> str:
        services.errand_check_in(
            errand_id=standing.pk, runner=bob, photo_id=photos[number], position=PICKUP,
            now=now + BLOCK,
        )  # fmt: skip
        return "begun"

    found = Counter(at_once(check_in, len(photos)))
    assert found["begun"] == 1
    assert set(found) <= {"begun", "illegal_move", "block_running"}
    assert ErrandEvent.objects.filter(errand=standing, move=Move.CHECK_IN).count() == 1


@pytest.mark.control
def test_control_who_only_counts_sees_a_block_to_begin(standing: Errand) -> None:
    counted = Barrier(MANY)

    def may(_number: int) -> bool:
        blocks = blocks_of(Errand.objects.get(pk=standing.pk))
        counted.wait(20)
        return blocks is not None and blocks.begun == 1

    assert at_once(may) == [True] * MANY


def test_extensions_heard_of_at_once_all_count(
    standing: Errand, alice: User, now: dt.datetime
) -> None:
    orders = [
        services.blocks_order_create(errand_id=standing.pk, requester=alice, blocks=1, now=now)
        for _each in range(5)
    ]

    def confirm(number: int) -> str:
        order = orders[number]
        escrow.order_confirm(
            order_id=order.order_id, payer=alice, payment_key=f"sandbox_{number}", amount=2_970,
            now=now,
        )  # fmt: skip
        return "paid"

    assert Counter(at_once(confirm, len(orders))) == {"paid": 5}
    services.apply_paid(now=now)  # for those whose news lost against another's
    standing.refresh_from_db()
    assert standing.expected_minutes == 240 + 5 * 15
    assert escrow.escrow_held(standing.reference) == standing.total
