from __future__ import annotations

from uuid import UUID

import pytest
from django.db import IntegrityError
from django.db.models import Sum
from hypothesis import given
from hypothesis import settings as limits
from hypothesis import strategies as st

from accounts.models import User
from common.errors import Conflict
from payments import ledger
from payments.ledger import AlreadyPosted, Insufficient
from payments.models import Account, Entry, Transfer

# Real commits: a refused transfer must leave nothing, and only a rollback shows that.
pytestmark = pytest.mark.django_db(transaction=True)


def hold(reference: str = "hold:1", amount: int = 1_000) -> Transfer:
    return ledger.post(
        reference=reference,
        kind="hold",
        subject="s",
        moves=[("gateway", -amount), ("escrow:s", amount)],
    )


def test_a_transfer_moves_money_and_its_entries_sum_to_zero() -> None:
    transfer = hold()
    assert ledger.balance_of("escrow:s") == 1_000
    assert ledger.balance_of("gateway") == -1_000
    assert transfer.entries.aggregate(total=Sum("amount"))["total"] == 0


def test_accounts_are_made_on_first_use(bob: User) -> None:
    name = ledger.user_account(bob.pk)
    assert ledger.balance_of(name) == 0
    ledger.post(reference="1", kind="tip", subject="s", moves=[("gateway", -5), (name, 5)])
    account = Account.objects.get(name=name)
    assert (account.kind, account.owner, account.balance) == ("user", bob, 5)
    assert Account.objects.get(name="gateway").balance is None


@pytest.mark.parametrize("name", ["gateway", "commission", "refunds"])
def test_accounts_that_every_payment_touches_store_no_balance(name: str) -> None:
    ledger.post(reference="1", kind="x", subject="s", moves=[(name, -7), ("escrow:s", 7)])
    assert Account.objects.get(name=name).balance is None
    assert ledger.balance_of(name) == -7


def test_an_unknown_kind_of_account_is_refused() -> None:
    with pytest.raises(ValueError, match="pocket"):
        ledger.post(reference="1", kind="x", subject="s", moves=[("pocket", -7), ("gateway", 7)])
    assert not Account.objects.exists()
    assert not Transfer.objects.exists()


@pytest.mark.parametrize(
    "moves",
    [
        [("gateway", -5), ("escrow:s", 6)],
        [("escrow:s", 5)],
        [("gateway", 0), ("escrow:s", 0)],
        [("gateway", 5), ("gateway", -5)],
        [],
    ],
)
def test_moves_must_sum_to_zero_and_move_something(moves: list[tuple[str, int]]) -> None:
    with pytest.raises(ValueError, match="moves"):
        ledger.post(reference="1", kind="x", subject="s", moves=moves)
    assert not Transfer.objects.exists()


def test_moves_of_one_account_become_one_entry() -> None:
    ledger.post(
        reference="1",
        kind="x",
        subject="s",
        moves=[("gateway", -3), ("escrow:s", 2), ("escrow:s", 1), ("refunds", 0)],
    )
    assert sorted(Entry.objects.values_list("amount", flat=True)) == [-3, 3]


def test_a_reference_is_posted_once() -> None:
    hold()
    with pytest.raises(AlreadyPosted):
        hold()
    assert ledger.balance_of("escrow:s") == 1_000
    assert Entry.objects.count() == 2


def test_a_reference_that_another_posted_a_moment_ago_is_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The unique row decides, not the look before it."""
    hold()
    monkeypatch.setattr("django.db.models.query.QuerySet.exists", lambda _self: False)
    with pytest.raises(AlreadyPosted):
        hold()
    monkeypatch.undo()
    assert ledger.balance_of("escrow:s") == 1_000


def test_the_floor_holds_and_nothing_is_written() -> None:
    hold()
    with pytest.raises(Insufficient):
        ledger.post(
            reference="2", kind="x", subject="s", moves=[("escrow:s", -1_001), ("refunds", 1_001)]
        )
    assert ledger.balance_of("escrow:s") == 1_000
    assert ledger.balance_of("refunds") == 0
    assert not Transfer.objects.filter(reference="2").exists()


def test_an_account_can_be_emptied_to_the_last_won() -> None:
    hold()
    ledger.post(
        reference="2", kind="x", subject="s", moves=[("escrow:s", -1_000), ("refunds", 1_000)]
    )
    assert ledger.balance_of("escrow:s") == 0


def test_a_reversal_is_the_opposite_and_names_the_first() -> None:
    first = hold()
    opposite = ledger.reverse(transfer=first)
    assert opposite.reverses == first
    assert (opposite.reference, opposite.kind) == ("reverse:hold:1", "reversal")
    assert ledger.balance_of("escrow:s") == ledger.balance_of("gateway") == 0


def test_a_transfer_is_reversed_once_and_a_reversal_never() -> None:
    opposite = ledger.reverse(transfer=hold())
    assert opposite.reverses is not None
    with pytest.raises(AlreadyPosted):
        ledger.reverse(transfer=opposite.reverses)
    with pytest.raises(Conflict) as refusal:
        ledger.reverse(transfer=opposite)
    assert refusal.value.code == "is_reversal"
    assert Transfer.objects.count() == 2


def test_money_that_has_moved_on_cannot_be_reversed() -> None:
    first = hold()
    ledger.post(reference="2", kind="x", subject="s", moves=[("escrow:s", -1), ("refunds", 1)])
    with pytest.raises(Insufficient):
        ledger.reverse(transfer=first)
    assert ledger.balance_of("escrow:s") == 999


def test_a_lost_race_for_a_new_account_starts_the_unit_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Another process makes the account between our look and our insert."""
    real = Account.objects.create
    tries = []

    def create(**values: object) -> Account:
        tries.append(values["name"])
        if len(tries) == 1:
            raise IntegrityError
        return real(**values)

    monkeypatch.setattr(Account.objects, "create", create)
    hold()
    assert tries == ["escrow:s", "escrow:s", "gateway"]
    assert ledger.balance_of("escrow:s") == 1_000
    assert Transfer.objects.count() == 1


def test_accounts_are_touched_in_the_order_of_their_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two transfers between the same accounts, each the other way, must not wait in a circle."""
    touched: list[UUID] = []
    monkeypatch.setattr(ledger, "_add", lambda account, _amount: touched.append(account.pk))
    ledger.post(reference="1", kind="x", subject="s", moves=[("escrow:b", -1), ("refunds", 1)])
    ledger.post(reference="2", kind="x", subject="s", moves=[("escrow:a", -1), ("escrow:b", 1)])
    older, newer = touched[1:]
    assert older < newer
    assert older == touched[0]  # "b" was made first, though "a" is first by name


@given(amounts=st.lists(st.integers(-50, 50), min_size=1, max_size=5))
@limits(max_examples=100)
def test_netting_keeps_the_sum_of_every_account(amounts: list[int]) -> None:
    moves = [(f"escrow:{number % 2}", amount) for number, amount in enumerate(amounts)]
    moves.append(("gateway", -sum(amounts)))
    try:
        netted = ledger._netted(moves)
    except ValueError:
        assert not any(sum(a for n, a in moves if n == name) for name, _amount in moves)
    else:
        assert sum(netted.values()) == 0
        assert all(
            amount == sum(a for n, a in moves if n == name) != 0 for name, amount in netted.items()
        )
