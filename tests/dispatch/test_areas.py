"""Areas of runs: one task each, a tick apart, split where crowded, and what a border means."""

from __future__ import annotations

import datetime as dt
import time
from itertools import pairwise

import h3
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pytest_django import DjangoCaptureOnCommitCallbacks, Settings

from accounts.models import User
from common.geo import REGION, Point, area_around, area_of, metres_between
from common.redis import client
from dispatch import services
from dispatch.matching.borders import Spot, along, belonging, in_reach, reached
from dispatch.models import NoOffer, Offer, Reason, Solve
from dispatch.services.areas import areas_serving, areas_to_queue, crowd_note
from dispatch.services.turns import area_turn, wanted_again
from dispatch.signals import matching_wanted
from errands.models import Errand
from tests.conftest import PICKUP, make_runner
from tests.dispatch.scene import border, north, opened, stand, waiting_beyond

HERE = area_of(PICKUP)
AROUND = area_around(HERE, REGION)
PART = area_around(HERE, REGION + 1)
ELSEWHERE = area_of(Point(35.1151, 129.0414))


@pytest.fixture
def errand(alice: User, now: dt.datetime) -> Errand:
    return opened(alice, now=now)


# --- Tasks and turns -----------------------------------------------------------------------
def test_an_area_has_one_task_on_the_queue() -> None:
    assert areas_to_queue([HERE]) == [AROUND]
    assert areas_to_queue([HERE, ELSEWHERE]) == [area_around(ELSEWHERE, REGION)]
    assert areas_to_queue([HERE]) == []


def test_what_comes_after_the_run_has_begun_has_a_task_of_its_own(
    errand: Errand, now: dt.datetime
) -> None:
    assert areas_to_queue([HERE]) == [AROUND]
    with area_turn(AROUND):
        assert areas_to_queue([HERE]) == [AROUND]
    services.match_area(area=HERE, now=now)
    assert areas_to_queue([HERE]) == [AROUND]


def test_a_lost_task_keeps_others_off_only_for_seconds() -> None:
    areas_to_queue([HERE])
    assert 0 < int(client().ttl(f"dispatch:matching:{AROUND}:queued")) <= 5


def test_without_redis_nothing_is_queued(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.REDIS_URL = "redis://127.0.0.1:1/0"  # nobody listens there
    monkeypatch.setattr("dispatch.services.areas.client", client.__wrapped__)
    assert areas_to_queue([HERE]) == []


def test_a_second_worker_leaves_a_note_and_another_task_follows(
    errand: Errand, bob: User, now: dt.datetime
) -> None:
    stand(bob, 100, now=now)
    with area_turn(AROUND) as mine:
        assert mine
        assert services.match_area(area=HERE, now=now) == 0
    assert wanted_again(AROUND)
    assert not wanted_again(AROUND)
    assert services.match_area(area=HERE, now=now) == 1


@pytest.mark.django_db(transaction=True)
def test_whoever_was_turned_away_is_made_up_for(
    errand: Errand, now: dt.datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    monkeypatch.setattr(matching_wanted, "send_robust", lambda area, **_news: asked.append(area))

    def other_worker(area: str, now: dt.datetime) -> int:
        with area_turn(area) as theirs:
            assert not theirs
        return 0

    monkeypatch.setattr("dispatch.services.runs._run", other_worker)
    services.match_area(area=HERE, now=now)
    assert asked == [AROUND]


def test_a_turn_is_given_back_by_its_owner_alone() -> None:
    key = f"dispatch:matching:{AROUND}"
    with area_turn(AROUND):
        assert 0 < int(client().ttl(key)) <= 5
        client().set(key, "somebody else's")
    assert client().get(key) == "somebody else's"


def test_runs_are_a_tick_apart_and_the_first_waits_for_nothing(settings: Settings) -> None:
    settings.MATCHING_TICK_S = 0.4
    began = []
    for _run in range(2):
        with area_turn(AROUND):
            began.append(time.monotonic())
        assert int(client().pttl(f"dispatch:matching:{AROUND}:tick")) > 0
    assert began[1] - began[0] >= 0.39
    with area_turn(ELSEWHERE) as mine:
        assert mine


# --- Crowds ------------------------------------------------------------------------------
@pytest.mark.parametrize(
    "crowd", [{"errands": 301, "runners": 0}, {"errands": 1, "runners": 1_501}]
)
def test_a_crowded_area_is_matched_in_parts(crowd: dict[str, int]) -> None:
    assert areas_serving([HERE]) == [AROUND]
    crowd_note(AROUND, **crowd)
    assert areas_serving([HERE]) == [PART]
    assert len(areas_serving(h3.cell_to_children(AROUND, 8))) == 7
    crowd_note(PART, **crowd)
    assert areas_serving([HERE]) == [HERE]
    crowd_note(HERE, **crowd)
    assert areas_serving([HERE]) == [HERE]


def test_a_busy_area_is_not_split_yet() -> None:
    crowd_note(AROUND, errands=300, runners=1_500)
    assert areas_serving([HERE]) == [AROUND]


@pytest.mark.parametrize(("errands", "kept"), [(21, False), (22, True)])
def test_parts_are_joined_when_none_of_them_has_half_of_its_share(
    settings: Settings, errands: int, kept: bool
) -> None:
    crowd_note(AROUND, errands=301, runners=0)
    key = f"dispatch:matching:{AROUND}:split"
    client().expire(key, 5)
    crowd_note(PART, errands=errands, runners=0)
    assert (int(client().ttl(key)) > 5) == kept
    client().delete(key)  # as its time does
    assert areas_serving([HERE]) == [AROUND]


def test_a_run_of_an_area_that_was_split_or_joined_does_the_one_that_serves_it(
    errand: Errand, bob: User, now: dt.datetime, settings: Settings
) -> None:
    settings.MATCHING_MOST_ERRANDS = 0.5
    stand(bob, 100, now=now)
    assert services.match_area(area=HERE, now=now) == 1
    assert areas_serving([HERE]) == [PART]
    Offer.objects.all().delete()
    assert services.match_area(area=AROUND, now=now) == 1  # of yesterday's queue: all of it
    Offer.objects.all().delete()
    assert services.match_area(area=PART, now=now) == 1
    assert list(Solve.objects.order_by("id").values_list("area", flat=True)) == [
        AROUND, AROUND, PART,
    ]  # fmt: skip


# --- Borders -----------------------------------------------------------------------------
def test_a_runner_just_across_the_border_is_asked(alice: User, bob: User, now: dt.datetime) -> None:
    errand = waiting_beyond(alice, -20, now=now)
    stand(bob, border() + 50, now=now)
    assert area_of(north(border() + 50), REGION) != area_around(errand.area, REGION)
    assert services.match_area(area=errand.area, now=now) == 1


def test_between_two_areas_a_runner_belongs_to_the_nearer_errand(
    alice: User, bob: User, now: dt.datetime
) -> None:
    south, beyond = waiting_beyond(alice, -20, now=now), waiting_beyond(alice, 100, now=now)
    stand(bob, border() + 50, now=now)
    assert services.match_area(area=south.area, now=now) == 0
    assert NoOffer.objects.get().reason == Reason.NEXT_AREA
    assert services.match_area(area=beyond.area, now=now) == 1
    # Somebody is being asked about that one now, and bob about nothing else.
    stand(make_runner("eve"), border() + 60, now=now)
    assert services.match_area(area=south.area, now=now) == 1


def test_an_errand_out_of_whose_reach_he_is_does_not_keep_a_runner(
    alice: User, bob: User, now: dt.datetime
) -> None:
    later = now + dt.timedelta(minutes=4)
    south, beyond = waiting_beyond(alice, -900, now=now), waiting_beyond(alice, 700, now=later)
    stand(bob, border(), now=later)
    assert services.match_area(area=beyond.area, now=later) == 0
    assert services.match_area(area=south.area, now=later) == 1


def test_both_sides_of_a_border_say_the_same_of_every_runner() -> None:
    runners = [north(border() + metres) for metres in range(-1_500, 1_500, 7)]
    ours = [Spot(north(border() - 300), 600), Spot(north(border() - 10), 1_200)]
    others = [Spot(north(border() + 20), 600), Spot(north(border() + 600), 2_000)]
    ways = [[runner] for runner in runners]
    one, other = belonging(ways, ours, others), belonging(ways, others, ours)
    assert not (one.ours & other.ours)[one.in_reach | other.in_reach].any()
    assert (one.ours | other.ours).all()
    assert one.in_reach.tolist() == in_reach(runners, ours).tolist()
    for runner, is_ours in zip(runners, one.ours.tolist(), strict=True):
        reaching = [
            (metres_between(runner, spot.point), spot in ours)
            for spot in (*ours, *others)
            if metres_between(runner, spot.point) <= spot.reach_m
        ]
        assert is_ours == (not reaching or min(reaching)[1])


def test_it_is_the_way_that_counts() -> None:
    """Who stands nearer to one errand may be about to pass by another."""
    ours, others = [Spot(north(1_000), 600)], [Spot(north(0), 600)]
    ways = [[north(-50)], along([north(-50), north(2_000)]), along([north(-900), north(-50)])]
    assert belonging(ways, ours, others).ours.tolist() == [False, False, False]
    ways = [along([north(200), north(2_000)]), along([north(-60), north(-600)])]
    assert belonging(ways, ours, others).ours.tolist() == [True, False]


@given(st.lists(st.floats(-5_000, 5_000), min_size=1, max_size=5))
def test_a_way_is_looked_at_every_250_metres(stops: list[float]) -> None:
    found = along([north(metres) for metres in stops])
    assert found[0] == north(stops[0])
    assert set(found) >= {north(metres) for metres in stops}
    assert all(metres_between(a, b) <= 250.1 for a, b in pairwise(found))


def test_each_spot_has_its_own_reach() -> None:
    spots = [Spot(north(0), 600), Spot(north(0), 1_200), Spot(north(5_000), 600)]
    assert reached(spots, [north(900)]) == [False, True, False]
    assert reached(spots, []) == [False] * 3
    assert reached([], [north(0)]) == []


def test_who_comes_through_is_asked_though_he_stands_elsewhere(
    alice: User,
    bob: User,
    now: dt.datetime,
    django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
) -> None:
    errand = opened(alice, now=now)
    stand(bob, 1_500, now=now)
    assert services.match_area(area=HERE, now=now) == 0
    with django_capture_on_commit_callbacks(execute=True):
        services.corridor_declare(
            user=bob, destination=north(-500), until=now + dt.timedelta(hours=2),
            most_added_minutes=30, now=now + dt.timedelta(seconds=1),
        )  # fmt: skip
    assert services.match_area(area=HERE, now=now + dt.timedelta(seconds=1)) == 1
    assert errand.offers.get().runner == bob
