from __future__ import annotations

import datetime as dt

import pytest

from accounts.models import User
from common.errors import NotFound
from payments import escrow, ledger, selectors
from payments.models import Account, Payment
from tests.payments.conftest import SUBJECT, Pay

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def earned(paid: Pay, bob: User, now: dt.datetime) -> None:
    """Bob has earned 10,000 and then 3,000."""
    for amount, subject in ((10_000, SUBJECT), (3_000, "thing:2")):
        paid(amount + 500, reference=subject, subject=subject)
        escrow.settle(
            reference=subject, kind="done", pay={bob.pk: amount}, commission=500, refund=0, now=now
        )


@pytest.mark.usefixtures("earned")
def test_a_balance_is_what_was_earned(bob: User, charlie: User) -> None:
    assert selectors.balance_of_user(bob) == 13_000
    assert selectors.balance_of_user(charlie) == 0


@pytest.mark.usefixtures("earned")
def test_a_statement_is_ones_own_newest_first(bob: User, charlie: User, alice: User) -> None:
    lines = selectors.statement(bob)
    assert [(line.transfer.subject, line.amount) for line in lines] == [
        ("thing:2", 3_000),
        (SUBJECT, 10_000),
    ]
    assert not selectors.statement(charlie).exists()
    assert not selectors.statement(alice).exists()


@pytest.mark.usefixtures("earned")
def test_lines_of_a_subject_tell_its_story_oldest_first(bob: User) -> None:
    lines = [(line.account.name, line.amount) for line in selectors.ledger_lines(SUBJECT)]
    assert set(lines[:2]) == {("gateway", -10_500), (f"escrow:{SUBJECT}", 10_500)}
    assert set(lines[2:]) == {
        (f"escrow:{SUBJECT}", -10_500),
        (ledger.user_account(bob.pk), 10_000),
        ("commission", 500),
    }
    assert not selectors.ledger_lines("thing:3").exists()


def test_an_order_is_seen_by_its_payer(order: Payment, alice: User, charlie: User) -> None:
    assert selectors.order_of(order_id=order.order_id, payer=alice) == order
    with pytest.raises(NotFound):
        selectors.order_of(order_id=order.order_id, payer=charlie)


def test_empty_books_are_sound() -> None:
    assert selectors.books_balance() == (0, [], {})
    assert selectors.books_balance().sound


@pytest.mark.usefixtures("earned")
def test_the_books_say_what_is_held_for_whom(paid: Pay) -> None:
    paid(700, reference="thing:9", subject="thing:9")
    books = selectors.books_balance()
    assert books.sound
    assert books.escrow == {"thing:9": 700}


@pytest.mark.usefixtures("earned")
def test_the_books_find_a_balance_that_drifted(bob: User) -> None:
    name = ledger.user_account(bob.pk)
    Account.objects.filter(name=name).update(balance=12_999)
    books = selectors.books_balance()
    assert not books.sound
    assert books.drifted == [name]


@pytest.mark.usefixtures("earned")
def test_the_books_find_an_entry_without_its_opposite() -> None:
    transfer = selectors.ledger_lines(SUBJECT)[0].transfer
    account = Account.objects.get(name="commission")
    transfer.entries.create(account=account, amount=1)
    assert selectors.books_balance().total == 1
    assert not selectors.books_balance().sound
