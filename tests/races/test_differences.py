"""Twenty runs and twenty people at one difference; each guard with its control."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from threading import Barrier

import pytest

from accounts.models import User
from payments import ledger
from payments.models import Difference, DifferenceState, Transfer
from payments.selectors import books_balance
from payments.services import difference_dismiss, difference_settle, reconcile
from tests.conftest import make_user
from tests.races.crowd import MANY, at_once
from tests.races.test_payments import tally

pytestmark = [pytest.mark.races, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def unclaimed() -> int:
    """₩1,000 in escrow that nobody claims."""
    moves = [(ledger.GATEWAY, -1_000), (ledger.escrow_account("thing:1"), 1_000)]
    ledger.post(reference="hold:x", kind="hold", subject="thing:1", moves=moves)
    return 1_000


@pytest.fixture
def difference(unclaimed: int, now: dt.datetime) -> Difference:
    reconcile(now=now)
    return Difference.objects.get()


@pytest.fixture
def staff(db: None) -> list[User]:
    return [make_user(f"staff{n}", is_staff=True) for n in range(MANY)]


def test_twenty_runs_write_a_difference_down_once(unclaimed: int, now: dt.datetime) -> None:
    found = at_once(lambda _n: reconcile(now=now))
    assert sum(each.new for each in found) == Difference.objects.count() == 1


@pytest.mark.control
def test_control_without_the_key_it_is_written_down_many_times(
    difference: Difference, now: dt.datetime
) -> None:
    """Look whether it is known, then write: everyone looks before anyone writes."""
    Difference.objects.all().delete()
    looked = Barrier(MANY)

    def note(number: int) -> None:
        known = Difference.objects.filter(subject=difference.subject).exists()
        looked.wait(20)
        if not known:
            Difference.objects.create(
                key=str(number), kind="escrow", subject=difference.subject, day=now.date(),
                expected=0, found=1_000,
            )  # fmt: skip

    tally(note)
    assert Difference.objects.count() > 1


def test_its_entry_is_posted_once(
    difference: Difference, staff: list[User], now: dt.datetime
) -> None:
    def settle(number: int) -> object:
        return difference_settle(
            difference_id=difference.pk, by=staff[number], reason=f"{number}", now=now
        )

    assert tally(settle) == {"done": 1, "difference_closed": MANY - 1}
    assert ledger.balance_of(ledger.SUSPENSE) == 1_000
    difference.refresh_from_db()
    assert difference.closed_by == staff[int(difference.reason)]
    assert books_balance().sound


@pytest.mark.control
def test_control_without_the_guard_it_is_posted_more_than_once(difference: Difference) -> None:
    Difference.objects.update(moves=[["gateway", 1_000], ["suspense", -1_000]])
    read = Barrier(MANY)

    def settle(number: int) -> None:
        row = Difference.objects.get(pk=difference.pk)
        read.wait(20)
        if row.state == DifferenceState.OPEN:
            moves = [(account, amount) for account, amount in row.moves]
            ledger.post(reference=f"adjust:{number}", kind="adjust", subject="x", moves=moves)
            Difference.objects.filter(pk=row.pk).update(state=DifferenceState.SETTLED)

    tally(settle)
    assert Transfer.objects.filter(kind="adjust").count() > 1


def test_settled_or_dismissed_never_both(
    difference: Difference, staff: list[User], now: dt.datetime
) -> None:
    works: list[Callable[..., Difference]] = [difference_settle, difference_dismiss]

    def close(number: int) -> object:
        work = works[number % 2]
        return work(difference_id=difference.pk, by=staff[number], reason="x", now=now)

    assert tally(close)["done"] == 1
    difference.refresh_from_db()
    posted = Transfer.objects.filter(kind="adjust").count()
    assert (difference.state, posted) in {("settled", 1), ("dismissed", 0)}
