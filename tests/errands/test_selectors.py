"""Who sees what: errands, quotes, events, reviews."""

from __future__ import annotations

import datetime as dt
import uuid

import pytest

from accounts.models import User
from common.geo import REGION, area_around
from errands import selectors, services
from errands.models import Errand, Review
from errands.states import Role, State
from payments import escrow
from payments.audit import claimed
from payments.models import Difference
from payments.services import reconcile
from tests.conftest import make_errand, make_runner, pay_for, refused, walk

WEEK = dt.timedelta(days=7)


@pytest.fixture
def done(alice: User, bob: User, now: dt.datetime) -> Errand:
    errand = walk(pay_for(make_errand(alice)), bob, State.DELIVERED)
    return services.errand_confirm(errand_id=errand.pk, requester=alice, now=now)


def review(errand: Errand, author: User, now: dt.datetime, stars: int = 5) -> Review:
    return services.review_give(
        errand_id=errand.pk, author=author, stars=stars, tags=[], comment="", now=now
    )


def test_lists_hold_ones_own_by_role_and_state(alice: User, bob: User, charlie: User) -> None:
    run = walk(pay_for(make_errand(alice)), bob, State.ASSIGNED)
    asked = make_errand(bob)
    assert set(selectors.errands_of(user=bob)) == {run, asked}
    assert list(selectors.errands_of(user=bob, role=Role.RUNNER)) == [run]
    assert list(selectors.errands_of(user=bob, role=Role.REQUESTER)) == [asked]
    assert list(selectors.errands_of(user=alice, state=State.ASSIGNED)) == [run]
    assert not selectors.errands_of(user=alice, state=State.OPEN)
    assert not selectors.errands_of(user=charlie)


def test_an_open_errand_is_seen_by_its_requester_only(alice: User, bob: User) -> None:
    errand = pay_for(make_errand(alice))
    assert selectors.errand_seen_by(errand_id=errand.pk, user=alice) == errand
    with refused("not_found"):
        selectors.errand_seen_by(errand_id=errand.pk, user=bob)


def test_who_gave_it_back_sees_it_no_more(alice: User, bob: User, now: dt.datetime) -> None:
    """The address and the note were for the time of running."""
    errand = walk(pay_for(make_errand(alice)), bob, State.ASSIGNED)
    assert selectors.errand_seen_by(errand_id=errand.pk, user=bob) == errand
    services.errand_drop(errand_id=errand.pk, runner=bob, reason="", now=now)
    with refused("not_found"):
        selectors.errand_seen_by(errand_id=errand.pk, user=bob)


def test_staff_have_their_own_pages_and_not_this_one(alice: User, dana: User) -> None:
    with refused("not_found"):
        selectors.errand_seen_by(errand_id=make_errand(alice).pk, user=dana)


def test_a_quote_is_its_askers(alice: User, charlie: User) -> None:
    quote = make_errand(alice).quote
    assert selectors.quote_of(quote_id=quote.pk, requester=alice) == quote
    for quote_id, user in ((quote.pk, charlie), (uuid.uuid4(), alice)):
        with refused("not_found"):
            selectors.quote_of(quote_id=quote_id, requester=user)


@pytest.mark.parametrize(("after", "left"), [(0, [1, 2, 3]), (2, [3]), (3, []), (99, [])])
def test_events_after_a_number_in_order(
    alice: User, bob: User, after: int, left: list[int]
) -> None:
    errand = walk(pay_for(make_errand(alice)), bob, State.ASSIGNED)
    walk(pay_for(make_errand(alice)), make_runner("eve"), State.ASSIGNED)
    assert [event.sequence for event in selectors.events_of(errand, after=after)] == left


def test_the_order_of_an_errand_is_not_that_of_its_raise(alice: User, now: dt.datetime) -> None:
    errand = pay_for(make_errand(alice, reward=10_000))
    services.raise_order_create(errand_id=errand.pk, requester=alice, reward=12_000, now=now)
    payment = selectors.payment_of(errand)
    assert payment is not None
    assert (payment.reference, payment.amount) == (errand.reference, errand.total)


def test_a_review_is_hidden_from_the_other_until_both_spoke(
    alice: User, bob: User, done: Errand, now: dt.datetime
) -> None:
    first = review(done, bob, now)
    assert selectors.reviews_shown(done, user=alice, now=now) == []
    assert selectors.reviews_shown(done, user=bob, now=now) == [first]
    second = review(done, alice, now)
    assert selectors.reviews_shown(done, user=bob, now=now) == [first, second]


def test_seven_days_open_a_lonely_review(
    alice: User, bob: User, done: Errand, now: dt.datetime
) -> None:
    given = review(done, bob, now)
    assert done.ended_at is not None
    over = done.ended_at + WEEK
    just_before = over - dt.timedelta(seconds=1)
    assert selectors.reviews_shown(done, user=alice, now=just_before) == []
    assert selectors.reviews_shown(done, user=alice, now=over) == [given]


def test_each_side_reviews_the_other_once(
    alice: User, bob: User, done: Errand, now: dt.datetime
) -> None:
    assert review(done, alice, now).subject == bob
    assert review(done, bob, now).subject == alice
    with refused("already_reviewed"):
        review(done, alice, now, stars=1)
    assert Review.objects.filter(errand=done).count() == 2


@pytest.mark.parametrize("state", [State.ASSIGNED, State.DELIVERED])
def test_no_review_before_the_end(alice: User, bob: User, now: dt.datetime, state: State) -> None:
    errand = walk(pay_for(make_errand(alice)), bob, state)
    with refused("not_ended"):
        review(errand, alice, now)


def test_no_review_of_what_nobody_ran(alice: User, now: dt.datetime) -> None:
    errand = make_errand(alice)
    services.errand_cancel(errand_id=errand.pk, requester=alice, note="", now=now)
    with refused("not_ended"):
        review(errand, alice, now)


def test_strangers_review_nothing(charlie: User, done: Errand, now: dt.datetime) -> None:
    with refused("not_found"):
        review(done, charlie, now)


def test_a_region_is_known_by_the_newest_address_in_it(alice: User) -> None:
    older, newer = make_errand(alice), make_errand(alice)
    Errand.objects.filter(pk=older.pk).update(pickup_address="하늘공원")
    region = area_around(newer.area, REGION)
    assert selectors.regions_lately() == {region: newer.pickup_address}


def test_escrow_has_to_hold_the_total_of_live_errands(alice: User, done: Errand) -> None:
    opened, unpaid = pay_for(make_errand(alice)), make_errand(alice)
    assert claimed() == claimed(opened.reference) == {opened.reference: opened.total}
    assert claimed(unpaid.reference) == {unpaid.reference: unpaid.total}  # its money may come
    assert claimed(done.reference) == claimed("thing:1") == {}


@pytest.mark.django_db(transaction=True)
def test_the_books_of_errands_agree(alice: User, done: Errand, now: dt.datetime) -> None:
    raised = pay_for(make_errand(alice))
    order = services.raise_order_create(
        errand_id=raised.pk, requester=alice, reward=raised.reward + 1_000, now=now
    )
    escrow.order_confirm(
        order_id=order.order_id, payer=alice, payment_key="sandbox_x", amount=order.amount, now=now
    )
    later = now + dt.timedelta(days=1)
    assert reconcile(now=later) == (0, 0)
    Errand.objects.filter(pk=raised.pk).update(reward=raised.reward)
    assert reconcile(now=later) == (1, 0)
    assert Difference.objects.get().subject == raised.reference
