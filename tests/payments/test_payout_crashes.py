"""SIGKILL before and after every commit of a payout's way; then it is done again, and only once.

Each step is one commit. Who asked does so again after the restart: the app with its key, the sweep
with its hour, staff with the same batch and the same file.
"""

from __future__ import annotations

import datetime as dt

import pytest
from django.core.cache import cache

from accounts.models import User
from common.errors import Conflict
from payments import ledger, payouts
from payments.models import BatchState, Payout, PayoutBatch, PayoutState, Transfer
from payments.selectors import balance_of_user, books_balance
from tests import killed as program
from tests.killed import killed
from tests.payments.paid import earn, make_checker, requested, with_account

pytestmark = [
    pytest.mark.live,
    pytest.mark.once,
    pytest.mark.django_db(transaction=True),
]
EARNED = 18_500
MOMENTS = pytest.mark.parametrize("moment", ["before", "after"])


@pytest.fixture
def rich(bob: User, now: dt.datetime) -> User:
    with_account(bob, now)
    earn(bob, EARNED)
    return bob


@pytest.fixture
def erin(db: None) -> User:
    return make_checker()


@pytest.fixture
def batch(bob: User, dana: User, now: dt.datetime) -> PayoutBatch:
    """Two payouts in a batch that waits for a second person."""
    with_account(bob, now)
    for amount in (3_500, 15_000):
        requested(bob, amount, now)
    return payouts.batch_make(by=dana, now=now)


def assert_books(user: User, *, left: int, under_way: int, paid: int = 0) -> None:
    """Every won that was earned is on the account, under way or gone, and counted once."""
    withheld = ledger.balance_of(ledger.TAX)
    assert balance_of_user(user) == left
    assert ledger.balance_of(ledger.PAYOUTS) == under_way
    assert EARNED + ledger.balance_of(ledger.GATEWAY) == paid - withheld
    assert left + under_way + paid == EARNED
    assert books_balance().sound


@MOMENTS
def test_a_request_that_is_killed(rich: User, moment: str) -> None:
    assert killed("request", moment, 1, str(rich.pk), "the-same")
    made = moment == "after"
    assert Payout.objects.count() == made
    assert_books(rich, left=0 if made else EARNED, under_way=EARNED if made else 0)
    cache.clear()  # the lock of a key runs out by itself after half a minute
    assert not killed("request", "before", 2, str(rich.pk), "the-same")
    assert Payout.objects.get().gross == EARNED
    assert_books(rich, left=0, under_way=EARNED)


@MOMENTS
def test_a_weekly_sweep_that_is_killed(bob: User, now: dt.datetime, moment: str) -> None:
    due = with_account(bob, now, weekly=True).payout_at
    assert due is not None
    earn(bob, EARNED)
    assert killed("schedule", moment, 1, due.isoformat())
    assert payouts.payouts_schedule(now=due) == (moment == "before")
    assert_books(bob, left=0, under_way=EARNED)


@MOMENTS
def test_a_batch_whose_making_is_killed(
    bob: User, dana: User, now: dt.datetime, moment: str
) -> None:
    with_account(bob, now)
    requested(bob, EARNED, now)
    assert killed("batch", moment, 1, str(dana.pk))
    if moment == "before":
        payouts.batch_make(by=dana, now=now)
    with pytest.raises(Conflict):
        payouts.batch_make(by=dana, now=now)
    assert Payout.objects.get().batch == PayoutBatch.objects.get()
    assert_books(bob, left=0, under_way=EARNED)


@MOMENTS
def test_an_approval_that_is_killed(
    bob: User, batch: PayoutBatch, erin: User, now: dt.datetime, moment: str
) -> None:
    assert killed("approve", moment, 1, str(batch.pk), str(erin.pk))
    batch.refresh_from_db()
    states = {"before": BatchState.MADE, "after": BatchState.APPROVED}
    assert batch.state == states[moment]
    if moment == "before":
        payouts.batch_approve(batch_id=batch.pk, by=erin, now=now)
    with pytest.raises(Conflict):
        payouts.batch_approve(batch_id=batch.pk, by=erin, now=now)
    assert_books(bob, left=0, under_way=EARNED)


@MOMENTS
def test_an_import_that_is_killed(
    bob: User, batch: PayoutBatch, dana: User, erin: User, now: dt.datetime, moment: str
) -> None:
    """One of the two could not be paid: all of the file is booked, or nothing of it."""
    payouts.batch_approve(batch_id=batch.pk, by=erin, now=now)
    unpaid = Payout.objects.get(gross=3_500).reference
    assert killed("book", moment, 1, str(batch.pk), str(dana.pk), unpaid)
    under_way = Payout.objects.filter(state=PayoutState.BATCHED).count()
    assert under_way == (2 if moment == "before" else 0)
    program.book(str(batch.pk), str(dana.pk), unpaid)
    assert_books(bob, left=3_500, under_way=0, paid=15_000)
    assert Transfer.objects.filter(kind="payout_paid").count() == 1
    assert Payout.objects.get(gross=15_000).state == PayoutState.PAID
    batch.refresh_from_db()
    assert batch.state == BatchState.SETTLED


def test_control_there_is_no_second_commit(
    rich: User, dana: User, erin: User, now: dt.datetime
) -> None:
    """These were all the points there are, from the request to the bank's result."""
    assert not killed("request", "before", 2, str(rich.pk), "the-same")
    assert not killed("batch", "before", 2, str(dana.pk))
    made = str(PayoutBatch.objects.get().pk)
    assert not killed("approve", "before", 2, made, str(erin.pk))
    assert not killed("book", "before", 2, made, str(dana.pk))
    assert_books(rich, left=0, under_way=0, paid=EARNED)
