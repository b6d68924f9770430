"""Any order of anything, with a company that fails, a process that dies and calls that come twice:
no won is lost, none is made, and once everybody has answered three books say the same."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from typing import Any, ClassVar

import pytest
from django.apps import apps
from django.db.models import Model
from hypothesis import HealthCheck, Phase
from hypothesis import settings as limits
from hypothesis import strategies as st
from hypothesis.stateful import (
    MultipleResults,
    initialize,
    invariant,
    multiple,
    rule,
    run_state_machine_as_test,
)
from pytest_django import Settings

from accounts.models import User
from common import clock
from common.db import on_commit, unit_of_work
from common.errors import DomainError
from errands import services
from errands.services import ending
from errands.states import Kind, State
from payments import escrow, payouts
from payments.escrow import refunds
from payments.models import BatchState, Payment, Payout, PayoutBatch, PayoutState, Refund
from tests.conftest import make_errand, make_runner
from tests.errands.test_stateful import ErrandLife
from tests.machines import books
from tests.machines.bank import Bank
from tests.machines.company import LOSSES, Loss
from tests.machines.crashing import AFTER, BEFORE, Fuse
from tests.payments.gateway import Crash, MemoryGateway
from tests.payments.paid import make_checker, with_account

pytestmark = pytest.mark.django_db(transaction=True)

# Around any commit of the money that each story begins with, and the first of those after it.
CRASHES = [(moment, number) for moment in (BEFORE, AFTER) for number in range(1, 23)]
ENDS = [State.OPEN, State.CANCELLED, State.COMPLETED]
LOST = st.none() | st.sampled_from(LOSSES)
FEW = st.integers(0, 3)
BUDGET, SPENT = 20_000, 12_345
TRIED_AGAIN = dt.timedelta(hours=2)  # longer than a refund ever waits for its next try


class MoneyLife(ErrandLife):
    """Errands as before; and what pays for them, what is sent back and what is paid out."""

    present: ClassVar[dt.datetime]
    tables: ClassVar[list[type[Model]]]
    staff: ClassVar[list[User]]
    cast_of: ClassVar[tuple[User, User, list[User]]]
    errands = ErrandLife.errands

    def __init__(self) -> None:
        super().__init__()
        self.alice, self.dana, self.runners = self.cast_of
        self.bank = Bank()
        self.calls: list[Callable[[], object]] = []
        self.fuse = Fuse(BEFORE, 0)  # never
        self.now = clock.now()
        MemoryGateway.forget()
        with unit_of_work():
            for model in self.tables:
                model._base_manager.all()._raw_delete("default")

    @property
    def now(self) -> dt.datetime:
        """The time of everything, also of news."""
        return MoneyLife.present

    @now.setter
    def now(self, now: dt.datetime) -> None:
        MoneyLife.present = now

    @initialize()
    def cast(self) -> None:
        """It lives as long as the test."""

    @initialize(
        target=errands, ends=st.permutations(ENDS), crash=st.sampled_from(CRASHES), loss=LOST
    )
    def some_money(
        self, ends: list[State], crash: tuple[str, int], loss: Loss | None
    ) -> MultipleResults[Any]:
        """Without it few stories would get far: paid for, sent back and earned, with one crash."""
        self.fuse = Fuse(*crash)
        return multiple(*(self.go_well(Kind.HELP, end, loss) for end in ends))

    # --- Trouble ---------------------------------------------------------------------------

    @rule(trouble=st.sampled_from([*CRASHES[::11], *LOSSES]))
    def trouble_is_coming(self, trouble: tuple[str, int] | Loss) -> None:
        """We die around one of the next commits, or the next question to the company fares ill."""
        if isinstance(trouble, Loss):
            trouble.befall()
        else:
            self.fuse = Fuse(*trouble)

    @rule(back=st.integers(0, 9))
    def replay(self, back: int) -> None:
        """An app, a queue or a person sends an earlier call again."""
        if self.calls:
            self.run(self.calls[-1 - back % len(self.calls)])

    def perhaps(self, call: Callable[[], object]) -> None:
        """Make a call that may be refused, and of which the process may die."""
        self.calls.append(call)
        self.run(call)

    def ask(self, service: Callable[..., object], **given: Any) -> None:
        self.perhaps(lambda: service(**given, now=self.now))

    def run(self, call: Callable[[], object]) -> None:
        with suppress(DomainError, Crash), self.fuse.lit():
            call()

    def attempt(self, errand_id: Any, service: Callable[..., object], **given: Any) -> None:
        self.perhaps(partial(super().attempt, errand_id, service, **given))

    # --- Money in --------------------------------------------------------------------------

    @rule(target=errands, kind=st.sampled_from(Kind), until=st.sampled_from(ENDS), loss=LOST)
    def go_well(self, kind: Kind, until: State, loss: Loss | None) -> Any:
        shops = kind == Kind.PURCHASE
        asked = {"budget": BUDGET if shops else 0}
        errand_id = make_errand(self.alice, kind=kind, now=self.now, asked=asked).pk
        self.pay_all_orders(errand_id, "a")
        if until == State.COMPLETED:
            self.attempt(errand_id, services.errand_accept, runner=self.runners[0])
            self.walk_on(errand_id, 0)
            if shops:
                self.buy(errand_id, 0, SPENT)
            for _step in range(3):
                self.walk_on(errand_id, 0)
            self.attempt(errand_id, services.errand_confirm, requester=self.alice)
        elif until == State.CANCELLED:
            self.cancel(errand_id)
            self.send_a_refund(0, loss)
        return errand_id

    @rule(errand_id=errands, key=st.sampled_from("ab"))
    def pay_all_orders(self, errand_id: Any, key: str) -> None:
        for order in Payment.objects.filter(subject=f"errand:{errand_id}"):
            self.ask(
                escrow.order_confirm, order_id=order.order_id, payer=self.alice,
                payment_key=f"{order.pk.hex}{key}", amount=order.amount,
            )  # fmt: skip

    @rule(number=FEW, loss=LOST)
    def send_a_refund(self, number: int, loss: Loss | None) -> None:
        """Due or not, sent already or not."""
        if loss:
            loss.befall()
        for refund in Refund.objects.order_by("-id")[number : number + 1]:
            self.ask(escrow.refund_send, refund_id=refund.pk)

    # --- Money out -------------------------------------------------------------------------

    @rule(who=st.integers(0, 1), amount=st.none() | st.integers(1, 40_000))
    def ask_for_a_payout(self, who: int, amount: int | None) -> None:
        self.ask(payouts.payout_request, user=self.runners[who], amount=amount)

    @rule(
        which=FEW, who=st.integers(0, 1), apart=st.booleans(),
        outcomes=st.lists(st.booleans(), max_size=3),
    )  # fmt: skip
    def walk_a_batch_on(self, which: int, who: int, apart: bool, outcomes: list[bool]) -> None:
        """Whatever comes next for one of the last batches; ``replay`` makes other orders of it."""
        by, found = self.staff[who], PayoutBatch.objects.order_by("-id")[which : which + 1]
        for batch in found:
            if batch.exported_at is not None:
                self.perhaps(partial(self.book_results, batch))
            elif batch.state == BatchState.APPROVED:
                self.perhaps(partial(self.export, batch, outcomes))
            else:
                step = payouts.batch_cancel if apart else payouts.batch_approve
                self.ask(step, batch_id=batch.pk, by=by)
        if not which or not found:
            self.ask(payouts.batch_make, by=by)

    def export(self, batch: PayoutBatch, outcomes: list[bool]) -> None:
        file = payouts.batch_export(
            batch_id=batch.pk, by=self.staff[0], layout="common", kind="csv", now=self.now
        )
        self.bank.receive(file, batch, outcomes)

    def book_results(self, batch: PayoutBatch) -> None:
        results = self.bank.results(batch)
        payouts.results_book(batch_id=batch.pk, results=results, by=self.staff[0], now=self.now)

    # --- The clock -------------------------------------------------------------------------

    @rule(minutes=st.sampled_from([1, 6, 16, 121, 24 * 60 + 1, 7 * 24 * 60]))
    def time_passes(self, minutes: int) -> None:
        """However much passes, the sweeps have run many times by then."""
        self.sweep()
        self.now += dt.timedelta(minutes=minutes)
        self.sweep()

    def sweep(self) -> None:
        for sweep in (
            escrow.orders_reconcile, escrow.orders_expire, services.apply_paid,
            services.lapse_due, services.confirm_overdue, escrow.refunds_send,
            payouts.payouts_schedule,
        ):  # fmt: skip
            self.run(partial(sweep, now=self.now))

    @rule()
    def everybody_answers(self) -> None:
        self.fuse = Fuse(BEFORE, 0)
        MemoryGateway.before.clear()
        MemoryGateway.after.clear()
        for batch in PayoutBatch.objects.exclude(exported_at=None):
            self.book_results(batch)
        self.sweep()
        escrow.refunds_send(now=self.now + TRIED_AGAIN)
        books.assert_all_is_settled(self.bank)

    def teardown(self) -> None:
        self.everybody_answers()

    # --- What must always be true ----------------------------------------------------------

    @invariant()
    def escrow_holds_what_lives(self) -> None:
        books.assert_ledger_is_whole()
        books.assert_escrow_is_explained()

    @invariant()
    def money_moved_once(self) -> None:
        books.assert_refunds_are_counted()
        books.assert_company_moved_each_won_once()
        books.assert_payouts_are_counted(self.runners, self.bank)


def empty_tables() -> list[type[Model]]:
    """The tables that a story fills: those of rules and of the cast have rows already."""
    apps_of_money = map(apps.get_app_config, ("errands", "payments", "dispatch"))
    models = [model for app in apps_of_money for model in app.get_models()]
    return [model for model in models if not model._base_manager.exists()]


@pytest.fixture(autouse=True)
def cast(
    alice: User, dana: User, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> Iterator[None]:
    settings.PAYMENT_GATEWAY = "tests.machines.company.ForgetfulGateway"
    runners = [make_runner("bob"), make_runner("rick")]
    MoneyLife.staff = [dana, make_checker()]
    MoneyLife.cast_of = alice, dana, runners
    MoneyLife.present = clock.now()
    with_account(runners[0], MoneyLife.present)
    with_account(runners[1], MoneyLife.present, weekly=True)
    MoneyLife.tables = empty_tables()
    monkeypatch.setattr(clock, "now", lambda: MoneyLife.present)
    yield
    MemoryGateway.forget()


def play(*, examples: int, steps: int = 30, control: bool = False) -> None:
    run_state_machine_as_test(
        MoneyLife,
        settings=limits(
            max_examples=examples,
            stateful_step_count=steps,
            deadline=None,
            database=None,
            report_multiple_bugs=False,
            derandomize=control,  # a control must not fail by bad luck
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        ),
    )


def test_no_story_loses_or_makes_a_won() -> None:
    play(examples=12)


def test_control_a_refund_that_is_not_looked_for_goes_out_twice(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The planted double refund: a second try asks without looking what became of the first."""
    monkeypatch.setattr(refunds, "_sent_before", lambda _refund: False)
    with pytest.raises(AssertionError):
        play(examples=200, steps=4, control=True)


def test_control_an_end_that_settles_after_its_commit_is_found(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What is planted shows only where the process dies in between."""
    settle = ending.settle
    later = partial(partial, settle)
    monkeypatch.setattr(ending, "settle", lambda *on, **to: on_commit(later(*on, **to)))
    with pytest.raises(AssertionError):
        play(examples=200, steps=4, control=True)


def test_what_was_laid_out_is_counted_all_the_way() -> None:
    """A story that is told every time: random ones seldom go that far."""
    life = MoneyLife()
    life.go_well(Kind.PURCHASE, State.COMPLETED, None)
    life.ask_for_a_payout(0, None)
    life.escrow_holds_what_lives()
    life.money_moved_once()
    for who in (0, 1, 0, 0):  # made, approved, exported, paid
        life.walk_a_batch_on(0, who, False, [])
        life.money_moved_once()
    life.everybody_answers()
    payout = Payout.objects.get()
    assert (payout.untaxed, payout.state) == (SPENT, PayoutState.PAID)
