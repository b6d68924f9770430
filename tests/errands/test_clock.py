"""What the sweeps repair when the news of a payment is lost, and what they leave alone."""

from __future__ import annotations

import datetime as dt

import pytest

from accounts.models import User
from errands import services, tasks
from errands.models import Errand, ErrandEvent
from errands.services import clock
from errands.states import Move, State
from payments import escrow
from payments.models import Account, Payment, Refund
from tests.conftest import make_errand, pay_for, walk


def paid_unheard(errand: Errand, now: dt.datetime) -> Payment:
    """Pay without anybody hearing of it: in a test no commit ever comes."""
    order = Payment.objects.get(reference=errand.reference)
    return escrow.order_confirm(
        order_id=order.order_id, payer=order.payer, payment_key=f"sandbox_{order.pk}",
        amount=order.amount, now=now,
    )  # fmt: skip


def test_a_lost_payment_is_heard_of_once(alice: User, now: dt.datetime) -> None:
    errand = make_errand(alice, now=now)
    paid_unheard(errand, now)
    errand.refresh_from_db()
    assert errand.state == State.AWAITING_PAYMENT
    assert [services.apply_paid(now=now) for _twice in range(2)] == [1, 0]
    errand.refresh_from_db()
    assert errand.state == State.OPEN


def test_a_lost_payment_behind_many_others_is_heard_of(
    alice: User, now: dt.datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Payments that were heard of stay in the selection and must not crowd it out."""
    monkeypatch.setattr(clock, "BATCH", 2)
    for _ in range(3):
        pay_for(make_errand(alice, now=now), now=now)
    lost = make_errand(alice, now=now)
    paid_unheard(lost, now)
    assert services.apply_paid(now=now) == 1
    lost.refresh_from_db()
    assert lost.state == State.OPEN


def test_a_raise_is_heard_of_though_its_errand_was_funded(alice: User, now: dt.datetime) -> None:
    errand = pay_for(make_errand(alice, reward=10_000, now=now), now=now)
    order = services.raise_order_create(
        errand_id=errand.pk, requester=alice, reward=11_000, now=now
    )
    escrow.order_confirm(
        order_id=order.order_id, payer=alice, payment_key="sandbox_r", amount=1_100, now=now
    )
    assert [services.apply_paid(now=now) for _twice in range(2)] == [1, 0]
    errand.refresh_from_db()
    assert errand.reward == 11_000


def test_a_raise_that_the_settlement_sent_back_is_not_sent_again(
    alice: User, bob: User, now: dt.datetime, caplog: pytest.LogCaptureFixture
) -> None:
    """Its news is lost, a higher one counts, and the errand ends before the sweep."""
    errand = pay_for(make_errand(alice, reward=10_000, now=now), now=now)
    for reward, heard in ((11_000, False), (12_000, True)):
        order = services.raise_order_create(
            errand_id=errand.pk, requester=alice, reward=reward, now=now
        )
        escrow.order_confirm(
            order_id=order.order_id, payer=alice, payment_key=f"sandbox_{reward}",
            amount=order.amount, now=now,
        )  # fmt: skip
        if heard:
            services.payment_apply(payment=order, now=now)
    errand.refresh_from_db()
    walk(errand, bob, State.DELIVERED, now=now)
    services.errand_confirm(errand_id=errand.pk, requester=alice, now=now)
    services.apply_paid(now=now)
    assert "a sweep left one errand as it was" not in caplog.text
    assert Refund.objects.get().amount == 1_100
    assert escrow.escrow_held(errand.reference) == 0


def test_money_that_comes_after_the_lapse_goes_back_once(alice: User, now: dt.datetime) -> None:
    errand = make_errand(alice, now=now)
    paid_unheard(errand, now + dt.timedelta(minutes=14))
    later = now + dt.timedelta(minutes=16)
    assert services.lapse_due(now=later) == 1
    assert [services.apply_paid(now=later) for _twice in range(2)] == [1, 0]
    assert Refund.objects.get().amount == errand.total
    assert escrow.escrow_held(errand.reference) == 0
    assert Errand.objects.get(pk=errand.pk).state == State.EXPIRED


def test_money_that_was_lost_for_days_is_heard_of(alice: User, now: dt.datetime) -> None:
    """Nobody was there, not even the sweep; then the lapse comes first."""
    errand = make_errand(alice, now=now)
    paid_unheard(errand, now)
    later = now + dt.timedelta(days=3)
    assert services.lapse_due(now=later) == 1
    assert [services.apply_paid(now=later) for _twice in range(2)] == [1, 0]
    assert Refund.objects.get().amount == errand.total
    assert escrow.escrow_held(errand.reference) == 0


def test_other_peoples_payments_are_none_of_our_business(alice: User, now: dt.datetime) -> None:
    order = escrow.order_create(
        reference="gift:1", subject="gift:1", payer=alice, amount=500, now=now
    )
    escrow.order_confirm(
        order_id=order.order_id, payer=alice, payment_key="sandbox_t", amount=500, now=now
    )
    assert services.apply_paid(now=now) == 0


def test_one_errand_that_moved_on_does_not_stop_the_sweep(alice: User, now: dt.datetime) -> None:
    """Two are due; one is cancelled between the look and the move."""
    first, second = make_errand(alice, now=now), make_errand(alice, now=now)
    later = now + dt.timedelta(minutes=15)

    def lapse_first() -> Errand:
        found = services.errand_lapse(errand_id=first.pk, now=later)
        Errand.objects.filter(pk=second.pk).update(state=State.DELIVERED)
        return found

    works = [
        lapse_first,
        lambda: services.errand_lapse(errand_id=second.pk, now=later),
        lambda: services.errand_lapse(errand_id=first.pk, now=later),
    ]
    # Inside one test transaction a refused unit ends the test, so only refusals before a write fit.
    assert clock._each(works) == 2
    assert ErrandEvent.objects.filter(move=Move.LAPSE).count() == 1


@pytest.mark.parametrize("state", [State.ASSIGNED, State.PICKED_UP, State.AT_DROPOFF])
def test_the_clock_leaves_alone_what_is_under_way(alice: User, bob: User, state: State) -> None:
    errand = walk(pay_for(make_errand(alice)), bob, state)
    assert errand.due_at is None
    next_year = errand.created_at + dt.timedelta(days=365)
    assert services.lapse_due(now=next_year) == services.confirm_overdue(now=next_year) == 0
    errand.refresh_from_db()
    assert errand.state == state


def test_tasks_take_words_they_do_not_know(alice: User, now: dt.datetime) -> None:
    """A newer sender may say more; and each task does what its name says."""
    errand = make_errand(alice, now=now - dt.timedelta(minutes=20))
    paid = make_errand(alice, now=now)
    paid_unheard(paid, now)
    for task in (tasks.sweep_funded, tasks.sweep_expired, tasks.sweep_unconfirmed):
        task(since="yesterday")
    states = dict(Errand.objects.values_list("pk", "state"))
    assert states == {errand.pk: State.EXPIRED, paid.pk: State.OPEN}


def test_one_errands_trouble_keeps_no_other_waiting(
    alice: User, now: dt.datetime, caplog: pytest.LogCaptureFixture
) -> None:
    """Money that is not where it should be stops its own errand only, and is said."""
    broken, sound = (pay_for(make_errand(alice, now=now), now=now) for _ in range(2))
    Account.objects.filter(name=f"escrow:{broken.reference}").update(balance=0)
    assert services.lapse_due(now=now + dt.timedelta(hours=3)) == 1
    sound.refresh_from_db()
    assert sound.state == State.EXPIRED
    assert "a sweep left one errand as it was" in caplog.text
