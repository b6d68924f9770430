from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from typing import Any

import pytest

from accounts.models import User
from common.errors import Conflict
from payments import escrow, ledger
from payments.models import Entry, Refund, Transfer
from payments.selectors import books_balance
from tests.payments.conftest import SUBJECT, Pay

pytestmark = pytest.mark.django_db(transaction=True)

Settle = Callable[..., Transfer]


@pytest.fixture
def settle(bob: User, now: dt.datetime) -> Settle:
    """Return a function that settles as a completed errand does: 10,000 to Bob, 1,000 to us."""

    def call(**changes: Any) -> Transfer:
        usual = {"pay": {bob.pk: 10_000}, "commission": 1_000, "refund": 0}
        return escrow.settle(
            **{"reference": SUBJECT, "kind": "confirm", "now": now, **usual, **changes}
        )

    return call


def holdings(*names: str) -> list[int]:
    return [ledger.balance_of(name) for name in names]


def test_the_whole_held_amount_is_split(paid: Pay, settle: Settle, bob: User) -> None:
    paid()
    transfer = settle()
    assert (transfer.reference, transfer.kind) == (f"settle:{SUBJECT}", "confirm")
    assert escrow.escrow_held(SUBJECT) == 0
    assert holdings(ledger.user_account(bob.pk), "commission", "refunds") == [10_000, 1_000, 0]
    assert not Refund.objects.exists()
    assert books_balance().sound


def test_a_full_refund_pays_nobody(paid: Pay, settle: Settle, bob: User) -> None:
    payment = paid()
    settle(kind="cancel", pay={}, commission=0, refund=11_000)
    payment.refresh_from_db()
    refund = Refund.objects.get()
    assert (refund.payment, refund.amount, refund.state) == (payment, 11_000, "requested")
    assert payment.refunded == 11_000
    assert holdings(ledger.user_account(bob.pk), "commission", "refunds") == [0, 0, 11_000]


def test_many_may_be_paid(paid: Pay, settle: Settle, bob: User, charlie: User) -> None:
    paid()
    settle(pay={bob.pk: 7_000, charlie.pk: 3_000})
    names = [ledger.user_account(user.pk) for user in (bob, charlie)]
    assert holdings(*names) == [7_000, 3_000]


def test_a_refund_takes_from_the_newest_payment_first(paid: Pay, settle: Settle) -> None:
    first = paid(11_000)
    raised = paid(2_000, reference=f"{SUBJECT}:raise:2000")
    settle(refund=2_000)
    assert list(Refund.objects.values_list("payment", "amount")) == [(raised.pk, 2_000)]
    first.refresh_from_db()
    assert first.refunded == 0


def test_a_refund_is_spread_over_payments(paid: Pay, settle: Settle) -> None:
    first = paid(11_000)
    raised = paid(2_000, reference=f"{SUBJECT}:raise:2000")
    settle(pay={}, commission=0, refund=13_000)
    assert list(Refund.objects.order_by("id").values_list("payment", "amount")) == [
        (raised.pk, 2_000),
        (first.pk, 11_000),
    ]


def test_other_subjects_are_left_alone(paid: Pay, settle: Settle) -> None:
    paid()
    paid(3_000, reference="thing:2", subject="thing:2")
    settle()
    assert escrow.escrow_held("thing:2") == 3_000


@pytest.mark.parametrize(
    "parts",
    [{"commission": 999}, {"commission": 1_001}, {"refund": 11_000}, {"pay": {}}],
)
def test_parts_that_are_not_the_whole_are_refused(
    paid: Pay, settle: Settle, parts: dict[str, Any]
) -> None:
    paid()
    before = Entry.objects.count()
    with pytest.raises(Conflict) as refusal:
        settle(**parts)
    assert refusal.value.code == "split_mismatch"
    assert refusal.value.extra == {"held": 11_000}
    assert escrow.escrow_held(SUBJECT) == 11_000
    assert (Entry.objects.count(), Refund.objects.count()) == (before, 0)


def test_a_negative_part_is_refused(paid: Pay, settle: Settle) -> None:
    paid()
    with pytest.raises(ValueError, match="negative"):
        settle(commission=-1_000, refund=2_000)
    assert escrow.escrow_held(SUBJECT) == 11_000


def test_settled_is_settled(paid: Pay, settle: Settle, bob: User) -> None:
    paid()
    settle()
    for again in ({}, {"pay": {}, "commission": 0, "refund": 11_000}):
        with pytest.raises(Conflict) as refusal:
            settle(**again)
        assert refusal.value.code == "already_settled"
    assert ledger.balance_of(ledger.user_account(bob.pk)) == 10_000
    assert not Refund.objects.exists()


def test_two_settlements_that_saw_the_same_money_settle_once(
    paid: Pay, settle: Settle, bob: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Take every look away that comes before the write: the unique reference still decides."""
    paid()
    settle()
    monkeypatch.setattr("payments.escrow.settling._check_parts", lambda *_parts: None)
    with pytest.raises(Conflict) as refusal:
        settle()
    assert refusal.value.code == "already_settled"
    assert ledger.balance_of(ledger.user_account(bob.pk)) == 10_000


def test_nothing_held_is_nothing_to_settle(settle: Settle) -> None:
    with pytest.raises(Conflict) as refusal:
        settle(pay={}, commission=0)
    assert refusal.value.code == "nothing_held"


def test_money_that_comes_late_is_not_settled_again(paid: Pay, settle: Settle) -> None:
    paid()
    settle()
    late = paid(2_000, reference=f"{SUBJECT}:raise:2000")
    with pytest.raises(Conflict):
        settle(pay={}, commission=0, refund=2_000)
    assert escrow.escrow_held(SUBJECT) == 2_000
    assert late.refunded == 0


def test_what_an_order_got_back_already_comes_from_another(
    paid: Pay, settle: Settle, now: dt.datetime
) -> None:
    first = paid(11_000)
    raised = paid(2_000, reference=f"{SUBJECT}:raise:2000")
    escrow.refund_order(order_id=raised.order_id, reason="late", now=now)
    settle(pay={}, commission=0, refund=11_000)
    first.refresh_from_db()
    raised.refresh_from_db()
    assert (first.refunded, raised.refunded) == (11_000, 2_000)
    assert ledger.balance_of("refunds") == 13_000
