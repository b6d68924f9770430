"""Twenty at once on one balance, one batch, one result file; each guard with its control."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from threading import Barrier

import pytest
from rest_framework.test import APIClient

from accounts.models import User
from payments import ledger, payouts
from payments.models import Account, BatchState, Payout, PayoutBatch, PayoutState, Transfer
from payments.payouts import batches
from payments.selectors import balance_of_user, books_balance
from tests.conftest import make_user
from tests.payments.paid import earn, make_checker, requested, with_account
from tests.races.crowd import MANY, at_once
from tests.races.test_payments import tally

pytestmark = [pytest.mark.races, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def rich(bob: User, now: dt.datetime) -> User:
    """Bob with an account and ₩10,000."""
    with_account(bob, now)
    earn(bob, 10_000)
    return bob


@pytest.fixture
def batch(bob: User, dana: User, now: dt.datetime) -> PayoutBatch:
    """Three payouts that wait for a second person."""
    with_account(bob, now)
    for amount in (3_500, 5_000, 10_000):
        requested(bob, amount, now)
    return payouts.batch_make(by=dana, now=now)


def words_of_bank(batch: PayoutBatch, *, paid: bool = True) -> list[payouts.Result]:
    rows = Payout.objects.filter(batch=batch).order_by("id")
    return [payouts.Result(line, row.reference, paid) for line, row in enumerate(rows, 2)]


# --- Requests ----------------------------------------------------------------------------


def test_twenty_requests_for_all_take_it_once(rich: User, now: dt.datetime) -> None:
    outcome = tally(lambda _n: payouts.payout_request(user=rich, amount=10_000, now=now))
    assert outcome == {"done": 1, "insufficient_funds": MANY - 1}
    assert Payout.objects.count() == 1
    assert books_balance().sound


@pytest.mark.control
def test_control_a_request_without_the_floor_takes_it_twice(rich: User) -> None:
    """Read the balance, decide, then move without the floor in the update."""
    name = ledger.user_account(rich.pk)
    Account.objects.filter(name=name).update(kind="commission")  # takes the floor away
    read = Barrier(MANY)

    def take(number: int) -> None:
        holds = Account.objects.get(name=name).balance
        read.wait(20)
        if holds:
            ledger.post(
                reference=f"payout:{number}",
                kind="payout",
                subject="x",
                moves=[(name, -holds), (ledger.PAYOUTS, holds)],
            )

    tally(take)
    assert ledger.balance_of(ledger.PAYOUTS) > 10_000


def test_twenty_requests_with_one_key_are_one(rich: User) -> None:
    statuses: list[int] = []

    def post(_number: int) -> None:
        client = APIClient()
        client.force_authenticate(rich)
        body, key = {"amount": 2_000}, {"Idempotency-Key": "the-same"}
        statuses.append(client.post("/api/v1/payouts", body, headers=key).status_code)

    tally(post)
    assert set(statuses) <= {201, 409}
    assert 201 in statuses
    assert (Payout.objects.count(), balance_of_user(rich)) == (1, 8_000)


def test_a_payout_against_other_debits_keeps_the_floor(rich: User, now: dt.datetime) -> None:
    """A refund or a correction wants the same money: ₩10,000 is enough for five of them."""

    def debit(number: int) -> object:
        return ledger.post(
            reference=f"debit:{number}",
            kind="debit",
            subject="x",
            moves=[(ledger.user_account(rich.pk), -2_000), (ledger.REFUNDS, 2_000)],
        )

    works: list[Callable[[int], object]] = [
        debit,
        lambda _n: payouts.payout_request(user=rich, amount=2_000, now=now),
    ]
    assert tally(lambda n: works[n % 2](n)) == {"done": 5, "insufficient_funds": MANY - 5}
    taken = sum(Payout.objects.values_list("gross", flat=True))
    assert taken == ledger.balance_of(ledger.PAYOUTS)
    assert (balance_of_user(rich), taken + ledger.balance_of(ledger.REFUNDS)) == (0, 10_000)
    assert books_balance().sound


def test_twenty_sweeps_ask_once(bob: User, now: dt.datetime) -> None:
    account = with_account(bob, now, weekly=True)
    earn(bob, 5_000)
    due = account.payout_at
    assert due is not None
    assert sum(at_once(lambda _n: payouts.payouts_schedule(now=due))) == 1
    assert Payout.objects.get().gross == 5_000


# --- Batches -----------------------------------------------------------------------------


def test_twenty_makers_put_a_payout_into_one_batch(bob: User, now: dt.datetime) -> None:
    with_account(bob, now)
    for _each in range(3):
        requested(bob, 5_000, now)
    staff = [make_user(f"staff{n}", is_staff=True) for n in range(MANY)]
    outcome = tally(lambda n: payouts.batch_make(by=staff[n], now=now))
    assert outcome == {"done": 1, "no_payouts": MANY - 1}
    assert Payout.objects.filter(batch=PayoutBatch.objects.get()).count() == 3


def test_of_twenty_approvers_one_approves_and_never_the_maker(
    batch: PayoutBatch, dana: User, now: dt.datetime
) -> None:
    staff = [dana if n % 2 else make_user(f"staff{n}", is_staff=True) for n in range(MANY)]
    outcome = tally(lambda n: payouts.batch_approve(batch_id=batch.pk, by=staff[n], now=now))
    assert outcome == {"done": 1, "same_person": MANY // 2, "batch_not_waiting": MANY // 2 - 1}
    batch.refresh_from_db()
    assert batch.state == BatchState.APPROVED
    assert batch.approved_by_id not in {None, dana.pk}


@pytest.mark.control
def test_control_approving_without_the_guard_is_done_by_many(
    batch: PayoutBatch, now: dt.datetime
) -> None:
    """Read, decide, write: everyone sees it wait before anyone approves."""
    staff = [make_user(f"staff{n}", is_staff=True) for n in range(MANY)]
    read = Barrier(MANY)

    def approve(number: int) -> str:
        found = batches.batch_of(batch.pk)
        read.wait(20)
        if found.state != BatchState.MADE:
            return "late"
        found.state, found.approved_by, found.approved_at = "approved", staff[number], now
        found.save()
        return "approved"

    assert at_once(approve).count("approved") > 1


def test_approved_or_cancelled_never_both(batch: PayoutBatch, dana: User, now: dt.datetime) -> None:
    erin = make_checker()
    works: list[Callable[[], object]] = [
        lambda: payouts.batch_approve(batch_id=batch.pk, by=erin, now=now),
        lambda: payouts.batch_cancel(batch_id=batch.pk, by=dana, now=now),
    ]
    assert tally(lambda n: works[n % 2]())["done"] == 1
    batch.refresh_from_db()
    left = Payout.objects.filter(state=PayoutState.BATCHED).count()
    assert (batch.state, left) in {("approved", 3), ("cancelled", 0)}


# --- Results -----------------------------------------------------------------------------


def test_a_file_imported_twenty_times_at_once_pays_once(
    batch: PayoutBatch, dana: User, now: dt.datetime
) -> None:
    payouts.batch_approve(batch_id=batch.pk, by=make_checker(), now=now)
    results = words_of_bank(batch)
    found = at_once(
        lambda _n: payouts.results_book(batch_id=batch.pk, results=results, by=dana, now=now)
    )
    assert sorted(found) == [(0, 0, 3)] * (MANY - 1) + [(3, 0, 0)]
    assert Transfer.objects.filter(kind="payout_paid").count() == 3
    assert ledger.balance_of(ledger.PAYOUTS) == 0
    assert books_balance().sound


def test_paid_or_returned_never_both(batch: PayoutBatch, bob: User, dana: User) -> None:
    now = batch.created_at
    payouts.batch_approve(batch_id=batch.pk, by=make_checker(), now=now)
    files = [words_of_bank(batch, paid=paid) for paid in (True, False)]
    found = at_once(
        lambda n: payouts.results_book(batch_id=batch.pk, results=files[n % 2], by=dana, now=now)
    )
    assert found.count("bad_result_file") == MANY // 2
    assert found.count((0, 0, 3)) == MANY // 2 - 1
    states = {row.state for row in Payout.objects.all()}
    assert (states, balance_of_user(bob)) in [({"paid"}, 0), ({"failed"}, 18_500)]
    assert books_balance().sound


@pytest.mark.control
def test_control_booking_without_the_guard_pays_more_than_once(
    batch: PayoutBatch, now: dt.datetime
) -> None:
    payouts.batch_approve(batch_id=batch.pk, by=make_checker(), now=now)
    payout = Payout.objects.filter(batch=batch)[0]
    read = Barrier(MANY)

    def book(number: int) -> None:
        found = Payout.objects.get(pk=payout.pk)
        read.wait(20)
        if found.state == PayoutState.BATCHED:
            ledger.post(
                reference=f"paid:{number}",
                kind="payout_paid",
                subject="x",
                moves=[(ledger.PAYOUTS, -found.gross), (ledger.GATEWAY, found.gross)],
            )
            Payout.objects.filter(pk=found.pk).update(state=PayoutState.PAID)

    tally(book)
    assert Transfer.objects.filter(kind="payout_paid").count() > 1


# --- Returned by the bank ----------------------------------------------------------------


@pytest.fixture
def paid(batch: PayoutBatch, dana: User, now: dt.datetime) -> Payout:
    """₩10,000 that were paid, ₩330 of them withheld."""
    payouts.batch_approve(batch_id=batch.pk, by=make_checker(), now=now)
    payouts.results_book(batch_id=batch.pk, results=words_of_bank(batch), by=dana, now=now)
    return Payout.objects.get(gross=10_000)


def test_it_is_returned_once(paid: Payout, bob: User, dana: User, now: dt.datetime) -> None:
    outcome = tally(
        lambda _n: payouts.payout_return(payout_id=paid.pk, by=dana, reason="closed", now=now)
    )
    assert outcome == {"done": 1, "payout_not_paid": MANY - 1}
    assert (balance_of_user(bob), ledger.balance_of(ledger.PAYOUTS)) == (10_000, 0)
    assert books_balance().sound


def test_returned_and_asked_for_again_at_once(
    paid: Payout, bob: User, dana: User, now: dt.datetime
) -> None:
    """What came back may go out again, as often as it came back."""
    works: list[Callable[[], object]] = [
        lambda: payouts.payout_return(payout_id=paid.pk, by=dana, reason="closed", now=now),
        lambda: payouts.payout_request(user=bob, amount=10_000, now=now),
    ]
    tally(lambda n: works[n % 2]())
    asked = sum(Payout.objects.filter(state="requested").values_list("gross", flat=True))
    assert asked + balance_of_user(bob) == 10_000
    assert ledger.balance_of(ledger.PAYOUTS) == asked
    assert books_balance().sound


@pytest.mark.control
def test_control_without_the_guard_it_is_returned_more_than_once(paid: Payout, bob: User) -> None:
    read = Barrier(MANY)

    def give_back(number: int) -> None:
        found = Payout.objects.get(pk=paid.pk)
        read.wait(20)
        if found.state == PayoutState.PAID:
            moves = [(ledger.GATEWAY, -found.gross), (ledger.user_account(bob.pk), found.gross)]
            ledger.post(reference=f"back:{number}", kind="x", subject="x", moves=moves)
            Payout.objects.filter(pk=found.pk).update(state=PayoutState.FAILED)

    tally(give_back)
    assert balance_of_user(bob) > 10_000
