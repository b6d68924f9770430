"""Random stories of payouts on the real tables; after each step every won is somewhere."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import ClassVar

import pytest
from django.db.models import F, Sum
from hypothesis import HealthCheck, Phase
from hypothesis import settings as limits
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    rule,
    run_state_machine_as_test,
)

from accounts.models import User
from common import clock
from common.errors import DomainError
from payments import ledger, payouts
from payments.models import (
    Account,
    BankAccount,
    BatchState,
    Entry,
    Payout,
    PayoutBatch,
    PayoutState,
    Transfer,
)
from payments.payouts import requests
from payments.selectors import balance_of_user, books_balance, expenses_of_user
from tests.payments.paid import earn, lay_out, make_checker, with_account

pytestmark = pytest.mark.django_db(transaction=True)

UNDER_WAY = [PayoutState.REQUESTED, PayoutState.BATCHED]


class Payday(RuleBasedStateMachine):
    """The model: what Bob has earned. Where it is now must follow from the payouts alone."""

    runner: ClassVar[User]
    staff: ClassVar[list[User]]

    def __init__(self) -> None:
        super().__init__()
        for model in (Entry, Transfer, Account, Payout, PayoutBatch):
            model._base_manager.all()._raw_delete("default")
        self.now = clock.now()
        self.earned = self.laid_out = 0

    @rule(amount=st.integers(500, 50_000))
    def earns(self, amount: int) -> None:
        earn(self.runner, amount, reference=f"earned:{self.earned}:{amount}")
        self.earned += amount

    @rule(amount=st.integers(500, 50_000))
    def lays_out(self, amount: int) -> None:
        lay_out(self.runner, amount, reference=f"laid_out:{self.laid_out}:{amount}")
        self.laid_out += amount

    @rule(amount=st.none() | st.integers(-10, 60_000))
    def asks(self, amount: int | None) -> None:
        self.perhaps(lambda: payouts.payout_request(user=self.runner, amount=amount, now=self.now))

    @rule(who=st.sampled_from([0, 1]))
    def makes(self, who: int) -> None:
        self.perhaps(lambda: payouts.batch_make(by=self.staff[who], now=self.now))

    @rule(who=st.sampled_from([0, 1]), which=st.integers(0, 3))
    def approves(self, who: int, which: int) -> None:
        for batch in self.batches(which):
            by = self.staff[who]
            self.perhaps(partial(payouts.batch_approve, batch_id=batch.pk, by=by, now=self.now))

    @rule(which=st.integers(0, 3))
    def cancels(self, which: int) -> None:
        for batch in self.batches(which):
            by = self.staff[0]
            self.perhaps(partial(payouts.batch_cancel, batch_id=batch.pk, by=by, now=self.now))

    @rule(which=st.integers(0, 3), paid=st.lists(st.booleans(), max_size=4), wrong=st.booleans())
    def hears(self, which: int, paid: list[bool], wrong: bool) -> None:
        """A file about the first of a batch's payouts, perhaps with a line too many."""
        for batch in self.batches(which):
            rows = Payout.objects.filter(batch=batch).order_by("id")
            pairs = enumerate(zip(rows, paid, strict=False), 2)
            said = [payouts.Result(line, row.reference, yes) for line, (row, yes) in pairs]
            said += [payouts.Result(9, "payout:unknown", True)] if wrong else []
            told = partial(payouts.results_book, batch_id=batch.pk, results=said)
            self.perhaps(partial(told, by=self.staff[1], now=self.now))

    @rule(which=st.integers(0, 3))
    def sends_back(self, which: int) -> None:
        """The bank returns one that was paid, or staff say so of one that was not."""
        for row in Payout.objects.order_by("-id")[which : which + 1]:
            told = partial(payouts.payout_return, payout_id=row.pk, reason="closed")
            self.perhaps(partial(told, by=self.staff[0], now=self.now))

    def batches(self, which: int) -> list[PayoutBatch]:
        return list(PayoutBatch.objects.order_by("-id")[which : which + 1])

    def perhaps(self, work: Callable[[], object]) -> None:
        with suppress(DomainError):
            work()

    @invariant()
    def every_won_is_somewhere(self) -> None:
        gone = self.sum("gross", *UNDER_WAY, PayoutState.PAID)
        back = self.sum("untaxed", *UNDER_WAY, PayoutState.PAID)
        paid = Payout.objects.filter(state=PayoutState.PAID)
        withheld = paid.aggregate(sum=Sum(F("income_tax") + F("local_tax"), default=0))["sum"]
        assert balance_of_user(self.runner) == self.earned - gone >= 0
        assert expenses_of_user(self.runner) == self.laid_out - back >= 0
        waiting = self.sum("gross", *UNDER_WAY) + self.sum("untaxed", *UNDER_WAY)
        assert ledger.balance_of(ledger.PAYOUTS) == waiting
        assert ledger.balance_of(ledger.TAX) == withheld
        sent = self.sum("gross", PayoutState.PAID) + self.sum("untaxed", PayoutState.PAID)
        came = self.earned + self.laid_out
        assert ledger.balance_of(ledger.GATEWAY) == sent - withheld - came
        assert books_balance().sound

    @invariant()
    def two_people_stand_behind_what_is_paid(self) -> None:
        for batch in PayoutBatch.objects.filter(state__in=["approved", "settled"]):
            assert batch.approved_by_id not in {None, batch.made_by_id}
        paid = Payout.objects.filter(state__in=[PayoutState.PAID, PayoutState.FAILED])
        states = {row.batch.state for row in paid.prefetch_related("batch") if row.batch}
        assert states <= {BatchState.APPROVED, BatchState.SETTLED}

    def sum(self, column: str, *states: PayoutState) -> int:
        rows = Payout.objects.filter(state__in=states)
        total: int = rows.aggregate(sum=Sum(column, default=0))["sum"]
        return total


@pytest.fixture
def machine(bob: User, dana: User) -> type[Payday]:
    with_account(bob, clock.now())
    Payday.runner, Payday.staff = bob, [dana, make_checker()]
    return Payday


def play(machine: type[Payday], *, examples: int) -> None:
    run_state_machine_as_test(
        machine,
        settings=limits(
            max_examples=examples,
            stateful_step_count=25,
            deadline=None,
            database=None,
            derandomize=True,
            phases=[Phase.generate],  # a shorter story would take longer than it is worth
            suppress_health_check=list(HealthCheck),
        ),
    )


def test_any_story_of_payouts_balances(machine: type[Payday]) -> None:
    play(machine, examples=15)


def test_the_stories_find_the_same_money_asked_for_twice(
    machine: type[Payday], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The control: a second payout is written for money that left the account once."""
    take = requests._take

    def twice(account: BankAccount, gross: int, *, reference: str, now: dt.datetime) -> Payout:
        payout = take(account, gross, reference=reference, now=now)
        Payout.objects.create(
            reference=f"again:{reference}", user=payout.user, gross=gross, income_tax=0,
            local_tax=0, untaxed=payout.untaxed, bank="088", holder="x", number=payout.number,
            last4="6789",
        )  # fmt: skip
        return payout

    monkeypatch.setattr(requests, "_take", twice)
    with pytest.raises(AssertionError):
        play(machine, examples=100)
