"""Random stories of money on the real tables; after each step the books must agree with a model."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Iterable
from typing import ClassVar
from uuid import UUID

import pytest
from django.db.models import Sum
from hypothesis import HealthCheck, Phase
from hypothesis import settings as limits
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    MultipleResults,
    RuleBasedStateMachine,
    initialize,
    invariant,
    multiple,
    rule,
    run_state_machine_as_test,
)

from accounts.models import User
from common import clock
from common.errors import Conflict, DomainError
from common.ids import uuid7
from payments import escrow, ledger
from payments.escrow import refunds
from payments.models import (
    Account,
    Entry,
    Payment,
    PaymentState,
    Refund,
    RefundState,
    Transfer,
)
from payments.selectors import books_balance
from tests.payments.gateway import MemoryGateway, Trouble, declines, is_silent

pytestmark = pytest.mark.django_db(transaction=True)

BEFORE: dict[str, Trouble | None] = {"fine": None, "silent": is_silent, "declined": declines}
WON = st.integers(1, 20_000)
PERCENT = st.integers(0, 100)


class Money(RuleBasedStateMachine):
    """The model: what is held for each subject, what Bob and the platform have earned."""

    payer: ClassVar[User]
    runner: ClassVar[User]
    orders = Bundle("orders")
    subjects = Bundle("subjects")

    def __init__(self) -> None:
        super().__init__()
        for model in (Entry, Transfer, Account, Refund, Payment):
            model._base_manager.all()._raw_delete("default")
        MemoryGateway.forget()
        self.now = clock.now()
        self.held: Counter[str] = Counter()
        self.earned: Counter[str] = Counter()
        self.settled: set[str] = set()
        self.paid: set[str] = set()

    # --- Orders ----------------------------------------------------------------------------

    @initialize(target=subjects)
    def two_things(self) -> MultipleResults[str]:
        return multiple("thing:1", "thing:2")

    @rule(target=orders, subject=subjects, amount=WON)
    def paid_order(self, subject: str, amount: int) -> str:
        """Most orders are paid without trouble: without this few stories would get far."""
        order_id = self._new_order(subject, amount)
        self.confirm(order_id, "a", "fine", answer_lost=False, wrong=0)
        return order_id

    @rule(target=orders, subject=subjects, amount=WON)
    def order(self, subject: str, amount: int) -> str:
        """The first of a subject is its order, each later one a raise."""
        return self._new_order(subject, amount)

    @rule(
        order_id=orders,
        key=st.sampled_from("ab"),
        trouble=st.sampled_from(sorted(BEFORE)),
        answer_lost=st.booleans(),
        wrong=st.sampled_from([0, 0, 0, 1]),
    )
    def confirm(
        self, order_id: str, key: str, trouble: str, *, answer_lost: bool, wrong: int
    ) -> None:
        payment = Payment.objects.get(order_id=order_id)
        self._expect_trouble(BEFORE[trouble], is_silent if answer_lost else None)
        try:
            escrow.order_confirm(
                order_id=order_id,
                payer=self.payer,
                payment_key=f"{order_id}{key}",
                amount=payment.amount + wrong,
                now=self.now,
            )
        except DomainError:
            return
        assert not wrong
        self._count_paid(payment)

    @rule()
    def reconcile(self) -> None:
        self._expect_trouble(None, None)
        open_orders = Payment.objects.filter(state=PaymentState.UNKNOWN)
        before = list(open_orders)
        assert escrow.orders_reconcile(now=self.now) == len(before)
        for payment in before:
            self._count_paid(payment)

    @rule(minutes=st.sampled_from([1, 20, 70]))
    def wait(self, minutes: int) -> None:
        self.now += dt.timedelta(minutes=minutes)
        escrow.orders_expire(now=self.now)

    # --- Out of escrow ---------------------------------------------------------------------

    @rule(subject=subjects, pay=PERCENT, keep=PERCENT, wrong=st.sampled_from([0, 0, 0, 1]))
    def settle(self, subject: str, pay: int, keep: int, wrong: int) -> None:
        held = self.held[subject]
        wage = held * pay // 100
        commission = (held - wage) * keep // 100
        try:
            escrow.settle(
                reference=subject,
                kind="settled",
                pay={self.runner.pk: wage},
                commission=commission + wrong,
                refund=held - wage - commission,
                now=self.now,
            )
        except Conflict:
            refused = True
        else:
            refused = False
        assert refused == (subject in self.settled or not held or bool(wrong))
        if refused:
            return
        self.settled.add(subject)
        self.held[subject] = 0
        self.earned.update(runner=wage, commission=commission)

    @rule(order_id=orders)
    def refund_order(self, order_id: str) -> None:
        payment = Payment.objects.get(order_id=order_id)
        left = payment.amount - payment.refunded
        try:
            escrow.refund_order(order_id=order_id, reason="over", now=self.now)
        except Conflict:
            assert payment.state != PaymentState.DONE or self.held[payment.subject] < left
            return
        self.held[payment.subject] -= left

    # --- Refunds ---------------------------------------------------------------------------

    @rule(
        number=st.integers(0, 5),
        trouble=st.sampled_from(["fine", *sorted(BEFORE)]),
        lost=st.booleans(),
        times=st.integers(1, 2),
    )
    def send(self, number: int, trouble: str, *, lost: bool, times: int) -> None:
        """Any refund, due or not, sent already or not there at all; queues deliver twice."""
        self._expect_trouble(BEFORE[trouble], is_silent if lost else None)
        ids = list(Refund.objects.order_by("id").values_list("pk", flat=True))
        chosen: UUID = ids[number % len(ids)] if ids else uuid7()
        for _time in range(times):
            escrow.refund_send(refund_id=chosen, now=self.now)

    @rule()
    def sweep(self) -> None:
        self._expect_trouble(None, None)
        due = escrow.refunds_due(now=self.now)
        assert escrow.refunds_send(now=self.now) == len(due)

    # --- What must always be true ----------------------------------------------------------

    @invariant()
    def the_books_are_sound(self) -> None:
        books = books_balance()
        assert books.total == 0
        assert books.drifted == []
        assert books.escrow == {subject: won for subject, won in self.held.items() if won}
        assert not Account.objects.filter(balance__lt=0).exists()

    @invariant()
    def everyone_has_what_they_earned(self) -> None:
        runner = ledger.balance_of(ledger.user_account(self.runner.pk))
        assert runner == self.earned["runner"]
        assert ledger.balance_of("commission") == self.earned["commission"]

    @invariant()
    def refunds_wait_on_their_account(self) -> None:
        waiting = Refund.objects.filter(state=RefundState.REQUESTED)
        assert ledger.balance_of("refunds") == won_of(waiting)
        for payment in Payment.objects.prefetch_related("refunds"):
            assert payment.refunded == sum(refund.amount for refund in payment.refunds.all())
            assert payment.refunded <= payment.amount

    @invariant()
    def the_gateway_is_mirrored(self) -> None:
        """What is paid was taken, what is done was sent, each once and for its amount."""
        done = Payment.objects.filter(state=PaymentState.DONE)
        sent = Refund.objects.filter(state=RefundState.DONE)
        assert ledger.balance_of("gateway") == won_of(sent) - won_of(done)
        assert all(MemoryGateway.taken_for(payment.order_id) == payment.amount for payment in done)
        assert all(MemoryGateway.sent[refund.reference] == refund.amount for refund in sent)

    @invariant()
    def each_transfer_is_whole_and_single(self) -> None:
        sums = Transfer.objects.annotate(total=Sum("entries__amount"))
        assert all(transfer.total == 0 for transfer in sums)
        references = [transfer.reference for transfer in sums]
        assert len(references) == len(set(references))

    def teardown(self) -> None:
        """Once all is quiet, the company holds what our books say it holds."""
        self._expect_trouble(None, None)
        escrow.orders_reconcile(now=self.now)
        escrow.refunds_send(now=self.now + dt.timedelta(hours=2))
        assert MemoryGateway.holds() == -ledger.balance_of("gateway")

    def _new_order(self, subject: str, amount: int) -> str:
        return escrow.order_create(
            reference=subject, subject=subject, payer=self.payer, amount=amount, now=self.now
        ).order_id

    def _count_paid(self, payment: Payment) -> None:
        if payment.order_id not in self.paid:
            self.paid.add(payment.order_id)
            self.held[payment.subject] += payment.amount

    def _expect_trouble(self, before: Trouble | None, after: Trouble | None) -> None:
        MemoryGateway.before[:] = [before] if before else []
        MemoryGateway.after[:] = [after] if after else []


def won_of(rows: Iterable[Payment] | Iterable[Refund]) -> int:
    return sum(row.amount for row in rows)


def run(*, examples: int, steps: int, control: bool = False) -> None:
    run_state_machine_as_test(
        Money,
        settings=limits(
            max_examples=examples,
            stateful_step_count=steps,
            deadline=None,
            database=None,
            # A control must not fail by bad luck, nor spend time on a shorter story.
            derandomize=control,
            phases=[Phase.generate] if control else list(Phase),
            suppress_health_check=list(HealthCheck),
        ),
    )


@pytest.fixture(autouse=True)
def cast(alice: User, bob: User) -> None:
    Money.payer, Money.runner = alice, bob


def test_no_story_breaks_the_books() -> None:
    run(examples=15, steps=25)


def test_the_stories_find_a_planted_double_refund(monkeypatch: pytest.MonkeyPatch) -> None:
    """The control: with its guards taken away a refund is booked each time it is sent."""

    def book_without_looking(refund: Refund, now: dt.datetime) -> bool:
        Refund.objects.filter(pk=refund.pk).update(state=RefundState.DONE, done_at=now)
        ledger.post(
            reference=f"sent:{uuid7()}",
            kind="refund_sent",
            subject=refund.payment.subject,
            moves=[(ledger.REFUNDS, -refund.amount), (ledger.GATEWAY, refund.amount)],
        )
        return True

    monkeypatch.setattr(refunds, "_lease", lambda _refund, _now: True)
    monkeypatch.setattr(refunds, "_book", book_without_looking)
    with pytest.raises(AssertionError):
        run(examples=200, steps=30, control=True)
