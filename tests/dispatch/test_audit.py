"""A sound database has no findings; each kind of damage is found and named."""

from __future__ import annotations

import datetime as dt
import json
from io import StringIO
from uuid import UUID, uuid4

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.db.models import Model, QuerySet
from django.test.utils import CaptureQueriesContext
from hypothesis import given
from hypothesis import strategies as st

from accounts.models import User
from common import clock
from common.db import in_unit, one_moment
from dispatch.audit import audit
from dispatch.audit.lives import winner_problems
from dispatch.audit.replay import Step, replay
from dispatch.models import Offer, OfferState
from errands import services
from errands.models import Errand, ErrandEvent
from errands.states import RULES, Kind, Move, State
from payments import escrow
from payments.models import Account, Entry, Payment, PaymentState, Refund, RefundState, Transfer
from tests.conftest import make_errand, make_runner, pay_for, walk
from tests.dispatch.scene import offered_together

pytestmark = pytest.mark.django_db


def codes(*, later: dt.timedelta = dt.timedelta()) -> set[str]:
    return {finding.code for finding in audit(now=clock.now() + later).findings}


def accepted_offer(errand: Errand, runner: User) -> Offer:
    return Offer.objects.create(
        errand=errand, runner=runner, state=OfferState.ACCEPTED, pay=errand.reward,
        added_minutes=3.0, expires_at=clock.now(),
    )  # fmt: skip


@pytest.fixture
def open_errand(alice: User) -> Errand:
    return pay_for(make_errand(alice, reward=10_000))


@pytest.fixture
def carried(open_errand: Errand, bob: User) -> Errand:
    accepted_offer(open_errand, bob)
    return walk(open_errand, bob, State.PICKED_UP)


@pytest.fixture
def done(alice: User, bob: User, open_errand: Errand) -> Errand:
    accepted_offer(open_errand, bob)
    errand = walk(open_errand, bob, State.DELIVERED)
    return services.errand_confirm(errand_id=errand.pk, requester=alice, now=clock.now())


def test_an_empty_database_is_clean(db: None) -> None:
    report = audit(now=clock.now())
    assert report.clean
    assert report[:3] == (0, 0, 0)


def test_every_kind_of_life_is_clean(alice: User, bob: User, done: Errand) -> None:
    make_errand(alice)
    pay_for(make_errand(alice))
    dropped = pay_for(make_errand(alice))
    offer = accepted_offer(dropped, bob)
    walk(dropped, bob, State.AT_PICKUP)
    services.errand_drop(errand_id=dropped.pk, runner=bob, reason="다쳤어요", now=clock.now())
    Offer.objects.filter(pk=offer.pk).update(state=OfferState.DROPPED)
    cancelled = pay_for(make_errand(alice, kind=Kind.HELP))
    services.errand_cancel(errand_id=cancelled.pk, requester=alice, note="", now=clock.now())
    report = audit(now=clock.now())
    assert report.findings == []
    assert report.errands == 5
    assert report.events == ErrandEvent.objects.count()
    assert report.transfers == Transfer.objects.count()


# --- Events ---
def test_a_state_set_by_hand_is_found(carried: Errand) -> None:
    Errand.objects.filter(pk=carried.pk).update(state=State.AT_DROPOFF)
    assert codes() == {"state_unexplained"}


def test_a_version_without_its_event_is_found(carried: Errand) -> None:
    Errand.objects.filter(pk=carried.pk).update(version=carried.version + 1)
    assert codes() == {"version_unexplained"}


def test_a_lost_event_is_found(carried: Errand) -> None:
    ErrandEvent.objects.filter(errand=carried, sequence=3).delete()
    assert {"sequence_broken", "version_unexplained", "states_apart"} <= codes()


def test_an_errand_without_any_event_is_found(open_errand: Errand) -> None:
    ErrandEvent.objects.filter(errand=open_errand).delete()
    assert {"version_unexplained", "state_unexplained"} <= codes()


def test_a_move_by_the_wrong_one_is_found(open_errand: Errand) -> None:
    ErrandEvent.objects.filter(errand=open_errand, move=Move.FUND).update(role="requester")
    assert codes() == {"not_permitted"}


def test_a_life_that_does_not_begin_with_a_post_is_found(open_errand: Errand) -> None:
    ErrandEvent.objects.filter(errand=open_errand, sequence=1).update(role="staff")
    assert codes() == {"not_posted"}


def test_the_finding_names_the_errand(carried: Errand) -> None:
    Errand.objects.filter(pk=carried.pk).update(state=State.AT_DROPOFF)
    (finding,) = audit(now=clock.now()).findings
    assert finding.subject == carried.reference
    assert "at_dropoff" in finding.detail
    assert "picked_up" in finding.detail


POSTED = Step(1, "post", "", "awaiting_payment", "requester")
FUNDED = Step(2, "fund", "awaiting_payment", "open", "payments")
ACCEPTED = Step(3, "accept", "open", "assigned", "runner")


def replayed(*steps: Step, state: str) -> set[str]:
    found = replay(steps, kind="delivery", state=state, version=len(steps))
    return {problem.code for problem in found}


def test_two_acceptances_without_a_drop_are_two_winners() -> None:
    again = Step(4, "accept", "assigned", "assigned", "runner")
    assert replayed(POSTED, FUNDED, ACCEPTED, again, state="assigned") == {
        "not_permitted", "two_winners",
    }  # fmt: skip


def test_an_acceptance_after_a_drop_is_fine() -> None:
    dropped = Step(4, "drop", "assigned", "open", "runner")
    again = Step(5, "accept", "open", "assigned", "runner")
    assert not replayed(POSTED, FUNDED, ACCEPTED, dropped, again, state="assigned")


def test_words_of_no_table_are_found_and_stop_nothing() -> None:
    strange = Step(3, "teleport", "open", "mars", "wizard")
    assert replayed(POSTED, FUNDED, strange, state="mars") == {"not_permitted"}


def test_a_two_place_move_of_a_one_place_kind_is_found() -> None:
    arrived = [
        POSTED, FUNDED, ACCEPTED,
        Step(4, "arrive", "assigned", "at_pickup", "runner"),
        Step(5, "pick_up", "at_pickup", "picked_up", "runner"),
        Step(6, "arrive", "picked_up", "at_dropoff", "runner"),
    ]  # fmt: skip
    assert not list(replay(arrived, kind="delivery", state="at_dropoff", version=6))
    found = list(replay(arrived, kind="queue", state="at_dropoff", version=6))
    assert [problem.code for problem in found] == ["not_permitted"]


@given(st.data())
def test_any_walk_along_the_table_is_explained(data: st.DataObject) -> None:
    """Whatever the table permits leaves no finding; one step changed by hand leaves one."""
    steps, state = [POSTED], State.AWAITING_PAYMENT
    for number in range(2, 12):
        rules = [rule for rule in RULES if rule.source == state and Kind.DELIVERY in rule.kinds]
        if not rules:
            break
        rule = data.draw(st.sampled_from(rules))
        role = data.draw(st.sampled_from(sorted(rule.roles)))
        steps.append(Step(number, rule.move, state, rule.target, role))
        state = rule.target
    assert not replayed(*steps, state=state)
    broken = data.draw(st.integers(0, len(steps) - 1))
    steps[broken] = steps[broken]._replace(to_state="mars")
    assert replayed(*steps, state=state)


# --- Winners ---
BOB, CHARLIE = uuid4(), uuid4()


@pytest.mark.parametrize(
    ("runner", "accepted", "expected"),
    [
        (None, [], []),
        (BOB, [BOB], []),
        (BOB, [], ["winner_unexplained"]),
        (None, [BOB], ["winner_unexplained"]),
        (BOB, [CHARLIE], ["winner_unexplained"]),
        (BOB, [BOB, CHARLIE], ["two_winners", "winner_unexplained"]),
    ],
)
def test_the_runner_is_the_one_whose_offer_is_accepted(
    runner: UUID | None, accepted: list[UUID], expected: list[str]
) -> None:
    assert [problem.code for problem in winner_problems(runner, accepted)] == expected


def test_a_runner_without_an_accepted_offer_is_found(carried: Errand) -> None:
    Offer.objects.filter(errand=carried).update(state=OfferState.EXPIRED)
    assert codes() == {"winner_unexplained"}


def test_another_ones_accepted_offer_is_found(carried: Errand, charlie: User) -> None:
    Offer.objects.filter(errand=carried).update(runner=charlie)
    assert codes() == {"winner_unexplained"}


# --- Money ---
def by_hand(model: type[Model]) -> QuerySet[Model]:
    """Rows as somebody at the database's own console sees them: nothing forbids a change."""
    return QuerySet(model)


def entry(done: Errand, account: str) -> Entry:
    return Entry.objects.get(
        account__name__startswith=account, transfer__reference=f"settle:{done.reference}"
    )


def test_a_changed_entry_is_found(done: Errand) -> None:
    pay = entry(done, "user:")
    by_hand(Entry).filter(pk=pay.pk).update(amount=pay.amount + 1)
    assert codes() == {"ledger_not_zero", "transfer_not_zero", "balance_drifted"}


def test_a_changed_balance_is_found(done: Errand) -> None:
    Account.objects.filter(name__startswith="user:").update(balance=999_999)
    assert codes() == {"balance_drifted"}


def test_a_transfer_that_moves_nothing_is_found(done: Errand) -> None:
    Transfer.objects.create(reference="empty", kind="hold", subject=done.reference)
    assert codes() == {"transfer_empty"}


def test_money_that_left_escrow_too_early_is_found(carried: Errand) -> None:
    escrow.settle(
        reference=carried.reference, kind="test", pay={carried.runner_id: 10_000},
        commission=1_000, refund=0, now=clock.now(),
    )  # fmt: skip
    (finding,) = audit(now=clock.now()).findings
    assert (finding.code, finding.subject) == ("escrow_wrong", carried.reference)
    assert "holds ₩0, must hold ₩11000" in finding.detail


def test_money_left_in_escrow_after_the_end_is_found(done: Errand) -> None:
    parts = list(Entry.objects.filter(transfer__reference=f"settle:{done.reference}"))
    for part in parts:
        account = Account.objects.get(pk=part.account_id)
        if account.balance is not None:
            Account.objects.filter(pk=account.pk).update(balance=account.balance - part.amount)
    by_hand(Entry).filter(pk__in=[part.pk for part in parts]).delete()
    by_hand(Transfer).filter(reference=f"settle:{done.reference}").delete()
    assert codes() == {"escrow_wrong"}


def test_escrow_may_be_ahead_of_the_news_but_not_for_long(alice: User) -> None:
    errand = make_errand(alice)
    payment = Payment.objects.get(reference=errand.reference)
    escrow.order_confirm(
        order_id=payment.order_id, payer=alice, payment_key="sandbox_ok", amount=payment.amount,
        now=clock.now(),
    )  # fmt: skip
    assert Errand.objects.get(pk=errand.pk).state == State.AWAITING_PAYMENT
    assert codes() == set()
    assert codes(later=dt.timedelta(minutes=3)) == {"escrow_wrong"}


@pytest.fixture
def sent_back(alice: User) -> Errand:
    errand = pay_for(make_errand(alice))
    return services.errand_cancel(errand_id=errand.pk, requester=alice, note="", now=clock.now())


def test_a_refund_that_the_ledger_does_not_know_is_found(sent_back: Errand) -> None:
    order = Payment.objects.get(reference=sent_back.reference)
    Refund.objects.filter(payment=order).update(state=RefundState.DONE)
    assert codes() == {"refunds_wrong"}


def test_a_payment_that_forgets_its_refund_is_found(sent_back: Errand) -> None:
    Payment.objects.filter(reference=sent_back.reference).update(refunded=0)
    assert codes() == {"refunded_wrong"}


# --- Waiting ---
def test_a_refund_that_is_not_sent_is_found_after_ten_minutes(sent_back: Errand) -> None:
    assert codes(later=dt.timedelta(minutes=9)) == set()
    assert codes(later=dt.timedelta(minutes=11)) == {"refund_stuck"}


def test_an_offer_that_did_not_run_out_is_found_after_a_minute(
    open_errand: Errand, bob: User
) -> None:
    Offer.objects.create(
        errand=open_errand, runner=bob, pay=1, added_minutes=1, expires_at=clock.now()
    )
    assert codes(later=dt.timedelta(seconds=50)) == set()
    assert codes(later=dt.timedelta(seconds=70)) == {"offer_stuck"}


# --- Bundles ---
@pytest.fixture
def bundle(alice: User, bob: User) -> list[Offer]:
    now = clock.now()
    return offered_together([pay_for(make_errand(alice)) for _each in range(3)], bob, now=now)


def test_a_bundle_is_one_question(bundle: list[Offer], bob: User) -> None:
    assert codes() == set()
    Offer.objects.filter(pk=bundle[0].pk).update(state=OfferState.WITHDRAWN)
    assert codes() == set()


@pytest.mark.parametrize("damage", [{"slot": 1}, {"bundle_size": 2}, {"bundle": None}])
def test_a_torn_bundle_is_found(bundle: list[Offer], damage: dict[str, int]) -> None:
    Offer.objects.update(state=OfferState.EXPIRED)
    Offer.objects.filter(pk=bundle[0].pk).update(**damage)
    assert codes() == {"bundle_torn"}


def test_a_bundle_for_two_is_found(bundle: list[Offer]) -> None:
    Offer.objects.filter(pk=bundle[0].pk).update(runner=make_runner("eve"))
    assert codes() == {"bundle_torn"}


def test_two_questions_at_once_are_found(bundle: list[Offer]) -> None:
    Offer.objects.filter(pk=bundle[0].pk).update(bundle=uuid4(), bundle_size=1)
    assert codes() == {"bundle_torn", "asked_twice"}


def test_an_errand_past_its_time_is_found_after_two_minutes(alice: User) -> None:
    errand = make_errand(alice)
    assert errand.due_at is not None
    late = errand.due_at - clock.now()
    assert codes(later=late + dt.timedelta(seconds=110)) == set()
    assert codes(later=late + dt.timedelta(seconds=130)) == {"errand_stuck"}


def test_an_order_that_nobody_closed_is_found(alice: User) -> None:
    errand = make_errand(alice)
    Payment.objects.filter(reference=errand.reference).update(
        state=PaymentState.READY, expires_at=clock.now() - dt.timedelta(minutes=11)
    )
    assert codes() == {"order_stuck"}


# --- The whole ---
def test_more_errands_do_not_take_more_questions(alice: User, open_errand: Errand) -> None:
    with CaptureQueriesContext(connection) as alone:
        audit(now=clock.now())
    for _ in range(5):
        pay_for(make_errand(alice))
    with CaptureQueriesContext(connection) as together:
        audit(now=clock.now())
    assert len(together) == len(alone)


def test_the_command_prints_and_tells_by_its_exit(carried: Errand) -> None:
    out = StringIO()
    call_command("audit", json=True, stdout=out)
    assert json.loads(out.getvalue())["clean"] is True
    Errand.objects.filter(pk=carried.pk).update(state=State.AT_DROPOFF)
    out = StringIO()
    with pytest.raises(CommandError, match="1 findings"):
        call_command("audit", stdout=out)
    assert f"state_unexplained  {carried.reference}" in out.getvalue()


def test_a_restored_backup_is_judged_as_of_its_moment(alice: User) -> None:
    errand = make_errand(alice)
    assert errand.due_at is not None
    day_after = errand.due_at + dt.timedelta(days=1)
    with pytest.raises(CommandError, match="2 findings"):
        call_command("audit", "--at", day_after.isoformat(), stdout=StringIO())
    call_command("audit", "--at", errand.created_at.isoformat(), stdout=StringIO())


@pytest.mark.parametrize("text", ["yesterday", "2026-03-01", "2026-03-01T12:00:00"])
def test_a_moment_without_an_offset_is_refused(text: str) -> None:
    with pytest.raises(CommandError, match="--at"):
        call_command("audit", "--at", text)


@pytest.mark.django_db(transaction=True)
def test_one_moment_is_a_unit_that_does_not_disturb() -> None:
    with one_moment():
        assert in_unit()
        assert not Errand.objects.exists()
    assert not in_unit()
