"""Accept, decline, claim, give back: who wins, who is refused, and what is left behind."""

from __future__ import annotations

import datetime as dt
import uuid

import pytest

from accounts.models import RunnerProfile, RunnerState, Strike, User
from common.errors import NotFound
from common.geo import walking_minutes
from dispatch import services
from dispatch.models import Offer, OfferState
from errands import services as errands
from errands.models import Errand, ErrandEvent
from errands.states import Kind, State
from tests.conftest import DROPOFF, PICKUP, make_errand, make_runner, refused, walk
from tests.dispatch.scene import offered, opened, stand, told

MINUTE = dt.timedelta(minutes=1)


@pytest.fixture
def errand(alice: User, now: dt.datetime) -> Errand:
    return opened(alice, now=now)


@pytest.fixture
def offer(errand: Errand, bob: User, now: dt.datetime) -> Offer:
    return offered(errand, bob, now=now)


@pytest.fixture
def eve(db: None) -> User:
    return make_runner("eve")


def state_of(row: Offer | Errand) -> str:
    row.refresh_from_db()
    return row.state


# --- Accept ------------------------------------------------------------------------------
def test_accepting_wins_the_errand(offer: Offer, bob: User, now: dt.datetime) -> None:
    accepted = services.offer_accept(offer_id=offer.pk, runner=bob, now=now + MINUTE / 4)
    errand = accepted.errand
    assert (accepted.errand_ids, accepted.gone) == ([errand.pk], [])
    assert (errand.state, errand.runner_id) == (State.ASSIGNED, bob.pk)
    assert state_of(offer) == OfferState.ACCEPTED
    assert offer.answered_at == now + MINUTE / 4


def test_a_repeated_accept_is_answered_as_the_first(
    offer: Offer, bob: User, now: dt.datetime
) -> None:
    first = services.offer_accept(offer_id=offer.pk, runner=bob, now=now)
    again = services.offer_accept(offer_id=offer.pk, runner=bob, now=now + 5 * MINUTE)
    assert again == first
    assert ErrandEvent.objects.filter(errand=first.errand, move="accept").count() == 1


def test_too_late_is_too_late_even_before_the_sweep(
    offer: Offer, bob: User, now: dt.datetime
) -> None:
    with refused("offer_gone") as lost:
        services.offer_accept(offer_id=offer.pk, runner=bob, now=offer.expires_at)
    assert lost.value.extra["state"] == "expired"
    assert state_of(offer.errand) == State.OPEN


def test_a_stranger_cannot_know_of_the_offer(offer: Offer, eve: User, now: dt.datetime) -> None:
    with pytest.raises(NotFound):
        services.offer_accept(offer_id=offer.pk, runner=eve, now=now)
    with pytest.raises(NotFound):
        services.offer_accept(offer_id=uuid.uuid4(), runner=eve, now=now)


@pytest.mark.parametrize(
    ("state", "code"),
    [(RunnerState.PAUSED, "runner_paused"), (RunnerState.REJECTED, "runner_not_approved")],
)
def test_who_may_not_run_may_not_accept(
    offer: Offer, bob: User, now: dt.datetime, state: RunnerState, code: str
) -> None:
    RunnerProfile.objects.filter(user=bob).update(state=state)
    with refused(code):
        services.offer_accept(offer_id=offer.pk, runner=bob, now=now)
    assert state_of(offer) == OfferState.OFFERED


@pytest.mark.django_db(transaction=True)
def test_an_errand_cancelled_meanwhile_leaves_nothing_accepted(
    offer: Offer, bob: User, now: dt.datetime
) -> None:
    # As if the withdrawal were still on its way.
    Errand.objects.filter(pk=offer.errand_id).update(state=State.CANCELLED)
    with refused("offer_gone"):
        services.offer_accept(offer_id=offer.pk, runner=bob, now=now)
    assert state_of(offer) == OfferState.OFFERED


def test_full_hands_take_no_more(offer: Offer, alice: User, bob: User, now: dt.datetime) -> None:
    walk(opened(alice, now=now, bags=2), bob, State.ASSIGNED, now=now)
    with refused("hands_full"):
        services.offer_accept(offer_id=offer.pk, runner=bob, now=now)


# --- Decline -----------------------------------------------------------------------------
def test_declining_closes_the_offer_and_keeps_why(
    offer: Offer, bob: User, now: dt.datetime
) -> None:
    services.offer_decline(offer_id=offer.pk, runner=bob, reason="too heavy", now=now)
    assert state_of(offer) == OfferState.DECLINED
    assert offer.terms["declined_because"] == "too heavy"
    assert offer.terms["distance_m"] > 0
    assert told(bob)[-1] == (
        2, "offer.closed", {"offer_id": str(offer.pk), "state": "declined"},
    )  # fmt: skip


def test_declining_twice_is_once(offer: Offer, bob: User, now: dt.datetime) -> None:
    for _time in range(2):
        answer = services.offer_decline(offer_id=offer.pk, runner=bob, now=now)
        assert answer.state == OfferState.DECLINED
    assert len(told(bob)) == 2


def test_what_was_accepted_cannot_be_declined(offer: Offer, bob: User, now: dt.datetime) -> None:
    services.offer_accept(offer_id=offer.pk, runner=bob, now=now)
    with refused("offer_gone") as lost:
        services.offer_decline(offer_id=offer.pk, runner=bob, now=now)
    assert lost.value.extra["state"] == "accepted"


# --- Claim -------------------------------------------------------------------------------
def test_a_claim_wins_and_is_kept_as_an_offer(errand: Errand, bob: User, now: dt.datetime) -> None:
    stand(bob, 0, now=now)
    won = services.errand_claim(errand_id=errand.pk, runner=bob, now=now)
    assert (won.state, won.runner_id) == (State.ASSIGNED, bob.pk)
    offer = Offer.objects.get()
    assert (offer.state, offer.solve, offer.pay) == ("accepted", None, errand.reward)
    assert offer.added_minutes == pytest.approx(walking_minutes(PICKUP, DROPOFF), abs=0.1)


def test_a_claim_without_a_position_counts_the_errand_alone(
    errand: Errand, bob: User, now: dt.datetime
) -> None:
    services.errand_claim(errand_id=errand.pk, runner=bob, now=now)
    assert Offer.objects.get().added_minutes == pytest.approx(errand.walking_minutes, abs=0.05)


def test_a_repeated_claim_is_answered_as_the_first(
    errand: Errand, bob: User, now: dt.datetime
) -> None:
    first = services.errand_claim(errand_id=errand.pk, runner=bob, now=now)
    assert services.errand_claim(errand_id=errand.pk, runner=bob, now=now) == first
    assert Offer.objects.count() == 1


def test_claiming_what_one_is_offered_accepts_it(offer: Offer, bob: User, now: dt.datetime) -> None:
    services.errand_claim(errand_id=offer.errand_id, runner=bob, now=now)
    assert state_of(offer) == OfferState.ACCEPTED
    assert Offer.objects.count() == 1


def test_a_claim_after_the_winner_is_too_late(
    errand: Errand, bob: User, eve: User, now: dt.datetime
) -> None:
    services.errand_claim(errand_id=errand.pk, runner=bob, now=now)
    with refused("offer_gone"):
        services.errand_claim(errand_id=errand.pk, runner=eve, now=now)


def test_nobody_claims_what_another_is_being_asked_about(
    offer: Offer, eve: User, now: dt.datetime
) -> None:
    with refused("offered_to_another"):
        services.errand_claim(errand_id=offer.errand_id, runner=eve, now=now)
    assert state_of(offer.errand) == State.OPEN


def test_claims_follow_the_hard_rules(alice: User, bob: User, now: dt.datetime) -> None:
    profile = RunnerProfile.objects.filter(user=bob)
    heavy, mine = opened(alice, now=now, weight_kg=11), opened(bob, now=now)
    with refused("hands_full"):
        services.errand_claim(errand_id=heavy.pk, runner=bob, now=now)
    with refused("own_errand"):
        services.errand_claim(errand_id=mine.pk, runner=bob, now=now)
    profile.update(kinds=["queue"])
    with refused("kind_not_allowed"):
        services.errand_claim(errand_id=heavy.pk, runner=bob, now=now)
    profile.update(on_duty=False)
    with refused("off_duty"):
        services.errand_claim(errand_id=heavy.pk, runner=bob, now=now)


def test_a_duty_that_ended_before_the_turn_came_is_noticed(
    errand: Errand, bob: User, now: dt.datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    def after_another(*, runner_id: uuid.UUID) -> None:
        RunnerProfile.objects.filter(user_id=runner_id).update(on_duty=False)

    monkeypatch.setattr("dispatch.services.answers.turn_take", after_another)
    with refused("off_duty"):
        services.errand_claim(errand_id=errand.pk, runner=bob, now=now)
    assert state_of(errand) == State.OPEN


def test_what_is_not_shown_cannot_be_claimed(alice: User, bob: User, now: dt.datetime) -> None:
    unpaid = make_errand(alice, now=now)
    later = opened(alice, now=now, starts_at=now + 60 * MINUTE)
    with pytest.raises(NotFound):
        services.errand_claim(errand_id=unpaid.pk, runner=bob, now=now)
    with pytest.raises(NotFound):
        services.errand_claim(errand_id=uuid.uuid4(), runner=bob, now=now)
    with refused("offer_gone"):
        services.errand_claim(errand_id=later.pk, runner=bob, now=now)


def test_the_fourth_errand_is_one_too_many(alice: User, bob: User, now: dt.datetime) -> None:
    RunnerProfile.objects.filter(user=bob).update(max_kg=30, max_bags=10)
    for _each in range(3):
        services.errand_claim(errand_id=opened(alice, now=now).pk, runner=bob, now=now)
    with refused("hands_full"):
        services.errand_claim(errand_id=opened(alice, now=now).pk, runner=bob, now=now)


# --- Give back ---------------------------------------------------------------------------
def test_giving_back_opens_the_errand_again(
    errand: Errand, bob: User, eve: User, now: dt.datetime
) -> None:
    services.errand_claim(errand_id=errand.pk, runner=bob, now=now)
    at = now + MINUTE / 2
    services.errand_give_back(errand_id=errand.pk, runner=bob, reason="my knee", now=at)
    assert state_of(errand) == State.OPEN
    assert Offer.objects.get().state == OfferState.DROPPED
    assert not Strike.objects.exists()
    with refused("dropped_before"):
        services.errand_claim(errand_id=errand.pk, runner=bob, now=at)
    assert services.errand_claim(errand_id=errand.pk, runner=eve, now=at).runner_id == eve.pk


def test_later_than_a_minute_it_is_a_strike(errand: Errand, bob: User, now: dt.datetime) -> None:
    services.errand_claim(errand_id=errand.pk, runner=bob, now=now)
    at = now + 2 * MINUTE
    services.errand_give_back(errand_id=errand.pk, runner=bob, reason="my knee", now=at)
    assert Strike.objects.get().runner == bob


def test_after_the_pickup_it_cannot_be_given_back(
    errand: Errand, bob: User, now: dt.datetime
) -> None:
    walk(errand, bob, State.PICKED_UP, now=now)
    with refused("illegal_move") as lost:
        services.errand_give_back(errand_id=errand.pk, runner=bob, reason="my knee", now=now)
    assert lost.value.extra["state"] == State.PICKED_UP


def test_only_the_runner_gives_it_back(
    errand: Errand, bob: User, eve: User, now: dt.datetime
) -> None:
    services.errand_claim(errand_id=errand.pk, runner=bob, now=now)
    with pytest.raises(NotFound):
        services.errand_give_back(errand_id=errand.pk, runner=eve, reason="mine", now=now)


# --- Unanswered --------------------------------------------------------------------------
def test_an_offer_expires_once_and_not_early(offer: Offer, bob: User, now: dt.datetime) -> None:
    early = offer.expires_at - dt.timedelta(seconds=1)
    assert services.offers_expire(now=early) == 0
    assert services.offers_expire(now=offer.expires_at) == 1
    assert services.offers_expire(now=offer.expires_at) == 0
    assert state_of(offer) == OfferState.EXPIRED
    assert [row[1:] for row in told(bob)[1:]] == [
        ("offer.closed", {"offer_id": str(offer.pk), "state": "expired"})
    ]


def test_an_answered_offer_is_not_withdrawn(offer: Offer, bob: User, now: dt.datetime) -> None:
    services.offer_accept(offer_id=offer.pk, runner=bob, now=now)
    assert services.offers_withdraw(errand_id=offer.errand_id, now=now) == 0
    assert services.offers_withdraw_from(runner_id=bob.pk, now=now) == 0
    assert state_of(offer) == OfferState.ACCEPTED


def test_withdrawing_tells_the_runner(offer: Offer, bob: User, now: dt.datetime) -> None:
    assert services.offers_withdraw(errand_id=offer.errand_id, now=now) == 1
    assert told(bob)[-1][2]["state"] == "withdrawn"


def test_the_kinds_with_one_place_can_be_claimed(alice: User, bob: User, now: dt.datetime) -> None:
    errand = opened(alice, now=now, kind=Kind.HELP)
    stand(bob, 0, now=now)
    services.errand_claim(errand_id=errand.pk, runner=bob, now=now)
    assert Offer.objects.get().added_minutes == 0
    errands.errand_arrive(
        errand_id=errand.pk, runner=bob, position=errand.pickup, reason="", now=now
    )
