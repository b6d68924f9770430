"""Any order of anything that people, staff and the clock can do: events explain every errand,
and escrow holds exactly the live errands' money."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)

from accounts.models import User
from common import clock
from common.errors import Conflict, Invalid, NotFound
from errands import services
from errands.models import Errand, Photo, PhotoPurpose
from errands.policy import Reason
from errands.services import ending
from errands.states import FUNDED, RULES, Kind, Move, Role, State
from payments import escrow
from payments.models import Payment, PaymentState
from payments.selectors import books_balance
from tests.conftest import make_errand, make_runner, make_user
from tests.undo import Beginning

KEYS = [(r.move, r.source, r.target, role) for r in RULES for role in r.roles]


class ErrandLife(RuleBasedStateMachine):
    """Moves are tried in any state; the state table alone says which of them take."""

    errands = Bundle("errands")

    @initialize()
    def cast(self) -> None:
        self.start = Beginning()
        self.now = clock.now()
        self.alice, self.dana = make_user("alice"), make_user("dana", is_staff=True)
        self.runners = [make_runner("bob"), make_runner("rick")]

    def teardown(self) -> None:
        if hasattr(self, "start"):
            self.start.undo()

    def attempt(self, errand_id: Any, service: Callable[..., object], **given: Any) -> None:
        """Try a move; one that is refused must have left no trace."""
        before = Errand.objects.get(pk=errand_id)
        try:
            service(errand_id=errand_id, now=self.now, **given)
        except (Conflict, Invalid, NotFound):
            assert Errand.objects.get(pk=errand_id).version == before.version

    def photo(self, errand_id: Any, runner: User, purpose: PhotoPurpose) -> Any:
        return Photo.objects.create(
            errand_id=errand_id, uploader=runner, purpose=purpose, width=64, height=64, image="x"
        ).pk

    @rule(
        target=errands, kind=st.sampled_from(Kind), reward=st.integers(19_000, 90_000),
        budget=st.sampled_from([0, 20_000]), minutes=st.sampled_from([5, 50]),
    )  # fmt: skip
    def post(self, kind: Kind, reward: int, budget: int, minutes: int) -> Any:
        asked = {
            "budget": budget if kind == Kind.PURCHASE else 0,
            "expected_minutes": minutes if kind == Kind.QUEUE else 5,
        }
        return make_errand(self.alice, kind=kind, reward=reward, now=self.now, asked=asked).pk

    @rule(errand_id=errands)
    def pay_all_orders(self, errand_id: Any) -> None:
        orders = Payment.objects.filter(
            subject__in=[f"errand:{errand_id}", f"tip:{errand_id}"],
            state=PaymentState.READY,
            expires_at__gt=self.now,
        )
        for order in orders:
            escrow.order_confirm(
                order_id=order.order_id, payer=self.alice, payment_key=f"sandbox_{order.pk}",
                amount=order.amount, now=self.now,
            )  # fmt: skip
        services.apply_paid(now=self.now)

    @rule(errand_id=errands, more=st.integers(1_000, 20_000))
    def order_a_raise(self, errand_id: Any, more: int) -> None:
        errand = Errand.objects.get(pk=errand_id)
        ask = partial(
            services.raise_order_create, requester=self.alice, reward=errand.reward + more
        )
        self.attempt(errand_id, ask)

    @rule(errand_id=errands, more=st.integers(1, 20))
    def order_more(self, errand_id: Any, more: int) -> None:
        errand = Errand.objects.get(pk=errand_id)
        budget = errand.budget + more * 1_000
        for service, given in (
            (services.budget_order_create, {"budget": budget}),
            (services.blocks_order_create, {"blocks": more}),
            (services.tip_order_create, {"amount": more * 500}),
        ):
            self.attempt(errand_id, service, requester=self.alice, **given)

    @rule(errand_id=errands, who=st.integers(0, 1), amount=st.integers(1, 30_000))
    def buy(self, errand_id: Any, who: int, amount: int) -> None:
        runner = self.runners[who]
        photo = self.photo(errand_id, runner, PhotoPurpose.RECEIPT)
        self.attempt(errand_id, services.errand_buy, runner=runner, photo_id=photo, amount=amount)

    @rule(errand_id=errands, who=st.integers(0, 1), approved=st.booleans())
    def ask_for_something_else(self, errand_id: Any, who: int, approved: bool) -> None:
        self.attempt(errand_id, services.errand_ask, runner=self.runners[who], text="사과")
        asked = Errand.objects.get(pk=errand_id).version
        self.attempt(
            errand_id, services.errand_answer, requester=self.alice, sequence=asked,
            approved=approved,
        )  # fmt: skip

    @rule(errand_id=errands, who=st.integers(0, 1))
    def check_in(self, errand_id: Any, who: int) -> None:
        runner = self.runners[who]
        photo = self.photo(errand_id, runner, PhotoPurpose.WAITING)
        place = Errand.objects.get(pk=errand_id).pickup
        self.attempt(
            errand_id, services.errand_check_in, runner=runner, photo_id=photo, position=place
        )

    @rule(errand_id=errands, who=st.integers(0, 1))
    def accept(self, errand_id: Any, who: int) -> None:
        self.attempt(errand_id, services.errand_accept, runner=self.runners[who])

    @rule(errand_id=errands, who=st.integers(0, 1))
    def drop(self, errand_id: Any, who: int) -> None:
        self.attempt(errand_id, services.errand_drop, runner=self.runners[who], reason="")

    @rule(errand_id=errands, who=st.integers(0, 1))
    def walk_on(self, errand_id: Any, who: int) -> None:
        errand, runner = Errand.objects.get(pk=errand_id), self.runners[who]
        step: dict[str, Callable[[], None]] = {
            State.ASSIGNED: partial(self.arrive, errand, runner),
            State.AT_PICKUP: partial(self.pick_up, errand, runner),
            State.PICKED_UP: partial(self.arrive, errand, runner),
            State.AT_DROPOFF: partial(self.deliver, errand, runner),
        }
        if errand.dropoff is None:
            step[State.PICKED_UP] = partial(self.deliver, errand, runner)
        step.get(errand.state, lambda: None)()

    def arrive(self, errand: Errand, runner: User) -> None:
        place = services.place_ahead(errand)
        self.attempt(errand.pk, services.errand_arrive, runner=runner, position=place, reason="")

    def pick_up(self, errand: Errand, runner: User) -> None:
        photo = self.photo(errand.pk, runner, PhotoPurpose.PICKUP)
        self.attempt(errand.pk, services.errand_pick_up, runner=runner, photo_id=photo, pin="")

    def deliver(self, errand: Errand, runner: User) -> None:
        photo = self.photo(errand.pk, runner, PhotoPurpose.DELIVERY)
        self.attempt(
            errand.pk, services.errand_deliver, runner=runner, photo_id=photo, pin="", position=None
        )

    @rule(errand_id=errands, who=st.integers(0, 1), reason=st.sampled_from(Reason))
    def give_up(self, errand_id: Any, who: int, reason: Reason) -> None:
        runner = self.runners[who]
        photo = self.photo(errand_id, runner, PhotoPurpose.INCIDENT)
        for service in (services.errand_fail, services.errand_return):
            self.attempt(
                errand_id, service, runner=runner, reason=reason, note="", photo_id=photo,
                position=None,
            )  # fmt: skip

    @rule(errand_id=errands, who=st.integers(0, 1))
    def hand_back(self, errand_id: Any, who: int) -> None:
        runner = self.runners[who]
        photo = self.photo(errand_id, runner, PhotoPurpose.INCIDENT)
        self.attempt(
            errand_id, services.errand_hand_back, runner=runner, photo_id=photo, position=None
        )

    @rule(errand_id=errands)
    def cancel(self, errand_id: Any) -> None:
        self.attempt(errand_id, services.errand_cancel, requester=self.alice, note="")

    @rule(errand_id=errands)
    def confirm(self, errand_id: Any) -> None:
        self.attempt(errand_id, services.errand_confirm, requester=self.alice)

    @rule(errand_id=errands, percent=st.integers(0, 100), objects=st.booleans())
    def dispute(self, errand_id: Any, percent: int, objects: bool) -> None:
        if objects:
            self.attempt(errand_id, services.errand_object, requester=self.alice, note="반만")
        else:
            resolve = partial(services.errand_resolve, runner_percent=percent, reason="확인함")
            self.attempt(errand_id, resolve, staff=self.dana)

    @rule(errand_id=errands)
    def stop(self, errand_id: Any) -> None:
        self.attempt(errand_id, services.errand_stop, staff=self.dana, reason="신고")

    @rule(minutes=st.sampled_from([1, 6, 16, 121, 24 * 60 + 1]))
    def time_passes(self, minutes: int) -> None:
        self.now += dt.timedelta(minutes=minutes)
        services.lapse_due(now=self.now)
        services.confirm_overdue(now=self.now)

    @invariant()
    def events_explain_every_errand(self) -> None:
        for errand in Errand.objects.prefetch_related("events"):
            events = sorted(errand.events.all(), key=lambda event: event.sequence)
            assert [event.sequence for event in events] == list(range(1, errand.version + 1))
            assert events[-1].to_state == errand.state
            for event, then in zip(events[1:], events, strict=False):
                assert event.from_state == then.to_state
                key = (Move(event.move), State(event.from_state), State(event.to_state))
                assert (*key, Role(event.role)) in KEYS

    @invariant()
    def escrow_holds_what_lives(self) -> None:
        if not hasattr(self, "start"):
            return
        services.apply_paid(now=self.now)
        books = books_balance()
        assert books.total == 0
        live = Errand.objects.filter(state__in=FUNDED)
        assert books.escrow == {errand.reference: errand.total for errand in live}
        assert not books.drifted


def play(max_examples: int) -> None:
    quiet = list(HealthCheck)
    run_state_machine_as_test(
        ErrandLife,
        settings=settings(
            max_examples=max_examples,
            stateful_step_count=30,
            deadline=None,
            database=None,
            suppress_health_check=quiet,
            phases=[Phase.generate],
        ),
    )


@pytest.mark.django_db
def test_any_order_of_anything() -> None:
    play(max_examples=15)


@pytest.mark.django_db
def test_control_an_end_that_forgets_the_money_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ending, "settle", lambda *_errand, **_outcome: None)
    with pytest.raises(AssertionError):
        play(max_examples=200)
