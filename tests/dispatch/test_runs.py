"""A matching run: whom it asks, whom it never asks, and what it writes down."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from functools import partial

import pytest
from pytest_django import Settings

from accounts.models import RunnerProfile, RunnerState, User
from accounts.services import user_ban
from common.geo import REGION, Point, area_around, area_of, snap
from dispatch import locations, services
from dispatch.matching import Match
from dispatch.models import Offer, OfferState, Solve
from dispatch.services.messages import message_send
from dispatch.services.offers import offers_make
from errands import services as errands
from errands.models import Errand
from errands.states import Kind, State
from tests.conftest import PICKUP, make_runner, walk
from tests.dispatch.scene import offered, opened, stand, told
from tests.scale.asked import asked

MINUTE = dt.timedelta(minutes=1)
BUSAN = Point(35.1151, 129.0414)


@pytest.fixture
def errand(alice: User, now: dt.datetime) -> Errand:
    return opened(alice, now=now)


def test_the_runner_nearby_is_asked_and_told_why(
    errand: Errand, bob: User, now: dt.datetime
) -> None:
    stand(bob, 100, now=now)
    assert services.match_area(area=errand.area, now=now) == 1
    offer = Offer.objects.get()
    assert (offer.errand_id, offer.runner_id, offer.state) == (errand.pk, bob.pk, "offered")
    assert offer.pay == errand.reward
    assert offer.expires_at == now + dt.timedelta(seconds=20)
    assert set(offer.terms) == {
        "added_minutes", "waiting", "fairness", "ignored", "total", "distance_m", "reach_m",
    }  # fmt: skip
    assert offer.terms["distance_m"] == pytest.approx(100, abs=2)
    [(sequence, kind, payload)] = told(bob)
    assert (sequence, kind) == (1, "offer.made")
    assert payload["offer"]["id"] == str(offer.pk)
    assert payload["offer"]["pickup"] == snap(PICKUP)._asdict()


def test_the_run_is_written_down(errand: Errand, bob: User, now: dt.datetime) -> None:
    offer = offered(errand, bob, now=now)
    solve = Solve.objects.get()
    assert offer.solve == solve
    region = area_around(errand.area, REGION)
    assert (solve.area, solve.errands, solve.runners, solve.offered) == (region, 1, 1, 1)
    assert len(solve.digest) == 64
    assert solve.took_ms > 0


def test_nobody_is_asked_twice_at_once(errand: Errand, bob: User, now: dt.datetime) -> None:
    offered(errand, bob, now=now)
    assert services.match_area(area=errand.area, now=now) == 0
    assert Solve.objects.count() == 1


def test_a_runner_who_is_asked_is_not_asked_about_another(
    errand: Errand, alice: User, bob: User, now: dt.datetime
) -> None:
    offered(errand, bob, now=now)
    other = opened(alice, now=now)
    assert services.match_area(area=other.area, now=now) == 0


def test_all_errands_of_the_area_are_solved_together(
    errand: Errand, alice: User, bob: User, now: dt.datetime
) -> None:
    other, eve = opened(alice, now=now), make_runner("eve")
    stand(bob, 100, now=now)
    stand(eve, 200, now=now)
    assert services.match_area(area=errand.area, now=now) == 2
    assert set(Offer.objects.values_list("errand_id", flat=True)) == {errand.pk, other.pk}
    assert Solve.objects.get().offered == 2


def test_the_reach_grows_with_the_wait(errand: Errand, bob: User, now: dt.datetime) -> None:
    for waited, metres, made in ((0.9, 900, 0), (1.1, 900, 1)):
        at = now + waited * MINUTE
        stand(bob, metres, now=at)
        assert services.match_area(area=errand.area, now=at) == made


@pytest.mark.parametrize(
    "unfit",
    [
        {"on_duty": False},
        {"state": RunnerState.PAUSED},
        {"kinds": ["queue"]},
        {"max_kg": 1},
        {"max_bags": 1},
    ],
)
def test_an_unfit_runner_is_not_asked(
    alice: User, bob: User, now: dt.datetime, unfit: dict[str, object]
) -> None:
    errand = opened(alice, now=now, weight_kg=2, bags=2)
    RunnerProfile.objects.filter(user=bob).update(**unfit)
    stand(bob, 100, now=now)
    assert services.match_area(area=errand.area, now=now) == 0
    assert told(bob) == []


def test_a_banned_runner_is_not_asked(
    errand: Errand, bob: User, dana: User, now: dt.datetime
) -> None:
    stand(bob, 100, now=now)
    user_ban(user=bob, by=dana, reason="fraud", now=now)
    assert services.match_area(area=errand.area, now=now) == 0


def test_an_old_position_is_no_position(errand: Errand, bob: User, now: dt.datetime) -> None:
    stand(bob, 100, now=now - 3 * MINUTE)
    assert services.match_area(area=errand.area, now=now) == 0


def test_nobody_runs_for_themselves(bob: User, now: dt.datetime) -> None:
    errand = opened(bob, now=now)
    stand(bob, 100, now=now)
    assert services.match_area(area=errand.area, now=now) == 0


def test_who_declined_is_never_asked_again(errand: Errand, bob: User, now: dt.datetime) -> None:
    offer = offered(errand, bob, now=now)
    services.offer_decline(offer_id=offer.pk, runner=bob, now=now)
    assert services.match_area(area=errand.area, now=now + MINUTE / 6) == 0


def test_who_gave_it_back_is_never_asked_again(errand: Errand, bob: User, now: dt.datetime) -> None:
    offer = offered(errand, bob, now=now)
    services.offer_accept(offer_id=offer.pk, runner=bob, now=now)
    services.errand_give_back(errand_id=errand.pk, runner=bob, reason="too far", now=now)
    assert services.match_area(area=errand.area, now=now) == 0
    stand(eve := make_runner("eve"), 200, now=now)
    assert services.match_area(area=errand.area, now=now) == 1
    assert Offer.objects.get(runner=eve).state == OfferState.OFFERED


def test_who_let_it_lapse_is_asked_again_when_alone(
    errand: Errand, bob: User, now: dt.datetime
) -> None:
    offered(errand, bob, now=now)
    later = now + MINUTE
    assert services.offers_expire(now=later) == 1
    stand(bob, 100, now=later)
    assert services.match_area(area=errand.area, now=later) == 1
    assert Offer.objects.get(state=OfferState.OFFERED).terms["ignored"] == 10


def test_three_errands_are_enough(alice: User, bob: User, now: dt.datetime) -> None:
    RunnerProfile.objects.filter(user=bob).update(max_kg=30, max_bags=10)
    for _each in range(3):
        walk(opened(alice, now=now), bob, State.ASSIGNED, now=now)
    fourth = opened(alice, now=now)
    stand(bob, 100, now=now)
    assert services.match_area(area=fourth.area, now=now) == 0


def test_what_is_carried_already_makes_another_nearly_free(
    alice: User, bob: User, now: dt.datetime
) -> None:
    walk(opened(alice, now=now), bob, State.ASSIGNED, now=now)
    second = opened(alice, now=now)
    assert offered(second, bob, now=now).added_minutes == pytest.approx(0, abs=0.01)


def test_a_scheduled_errand_stays_hidden_until_its_lead(
    alice: User, bob: User, now: dt.datetime
) -> None:
    errand = opened(alice, now=now, starts_at=now + 60 * MINUTE)
    stand(bob, 100, now=now)
    assert services.match_area(area=errand.area, now=now) == 0
    later = now + 46 * MINUTE
    stand(bob, 100, now=later)
    assert services.match_area(area=errand.area, now=later) == 1
    # Its wait began when it was shown, not when it was paid.
    assert Offer.objects.get().terms["waiting"] == -0.5


@pytest.mark.parametrize("state", [State.AWAITING_PAYMENT, State.CANCELLED, State.EXPIRED])
def test_only_open_errands_are_offered(
    errand: Errand, bob: User, now: dt.datetime, state: State
) -> None:
    Errand.objects.filter(pk=errand.pk).update(state=state)
    stand(bob, 100, now=now)
    assert services.match_area(area=errand.area, now=now) == 0


def test_a_lapsed_errand_is_not_offered(errand: Errand, bob: User, now: dt.datetime) -> None:
    late = now + 121 * MINUTE
    stand(bob, 100, now=late)
    assert services.match_area(area=errand.area, now=late) == 0


def test_another_area_is_left_alone(errand: Errand, bob: User, now: dt.datetime) -> None:
    stand(bob, 100, now=now)
    assert services.match_area(area=area_of(BUSAN), now=now) == 0


def test_a_cancelled_errand_is_not_offered_after_all(
    errand: Errand, alice: User, bob: User, now: dt.datetime
) -> None:
    """It was open when the run read it."""
    errands.errand_cancel(errand_id=errand.pk, requester=alice, note="", now=now)
    assert not made(errand, bob, now)
    assert told(bob) == []


def made(errand: Errand, runner: User, now: dt.datetime) -> int:
    """What a run that read everything some time ago still offers of what it found."""
    solve = Solve.objects.create(area=errand.area, digest="", errands=1, runners=1, took_ms=1)
    match = Match(runner.pk, (errand.pk,), ({"added_minutes": 1.0},))
    return offers_make(matches=[match], errands={errand.pk: errand}, solve=solve, now=now)


def test_who_went_off_duty_during_the_run_is_not_asked(
    errand: Errand, bob: User, now: dt.datetime
) -> None:
    services.duty_off(user=bob, now=now)
    assert not made(errand, bob, now)
    assert not Offer.objects.exists()


def test_who_declined_during_a_slow_run_is_not_asked_again(
    errand: Errand, bob: User, now: dt.datetime
) -> None:
    offer = offered(errand, bob, now=now)
    services.offer_decline(offer_id=offer.pk, runner=bob, now=now)
    assert not made(errand, bob, now)
    assert Offer.objects.get() == offer
    assert made(errand, make_runner("eve"), now)


# --- How much is asked of the database -----------------------------------------------------
def queries(work: Callable[[], int], made: int) -> int:
    with asked() as statements:
        assert work() == made
    return len(statements)


READ, NOBODY_THERE, ALL_ASKED = 9, 2, 2  # queries, whoever waits and whoever stands there
NOTED, REASONS = 1, 1
OFFERED = 11
EXPIRED = 8


@pytest.mark.parametrize("many", [2, 20])
def test_a_run_asks_as_much_for_two_errands_as_for_twenty(
    alice: User, now: dt.datetime, settings: Settings, many: int
) -> None:
    settings.MATCHING_MOST_BUNDLED = 1
    for number in range(many):
        opened(alice, now=now)
        message_send(runner_id=make_runner(f"runner{number}").pk, kind="test", payload={})
    run = partial(services.match_area, area=area_of(PICKUP), now=now)
    assert queries(run, made=0) == NOBODY_THERE + NOTED + REASONS
    assert queries(run, made=0) == NOBODY_THERE
    for profile in RunnerProfile.objects.all():
        locations.place(profile.user_id, PICKUP, now=now)
    assert queries(run, made=many) == READ + NOTED + OFFERED
    assert queries(run, made=0) == ALL_ASKED
    later = now + MINUTE
    assert queries(partial(services.offers_expire, now=later), made=many) == EXPIRED


def test_one_place_kinds_are_matched_too(alice: User, bob: User, now: dt.datetime) -> None:
    errand = opened(alice, now=now, kind=Kind.QUEUE)
    offer = offered(errand, bob, now=now)
    assert told(bob)[0][2]["offer"]["dropoff"] is None
    assert offer.added_minutes < 2
