"""A day of a city in process: it repeats itself, loses nothing, and counts rightly."""

from __future__ import annotations

import importlib.util
import json
from collections import Counter
from functools import cache
from io import StringIO
from pathlib import Path

import numpy as np
import pytest
from django.core.management import CommandError, call_command
from pytest_django import DjangoAssertNumQueries

from common.geo import Point, metres_between, walking_minutes
from dispatch.sandbox.city.areas import by_area, shown
from dispatch.sandbox.city.day import Day
from dispatch.sandbox.city.demand import BUSY, FIRST_HOUR, PATIENCE_S, errands_of_a_day
from dispatch.sandbox.city.figures import gini, outcome
from dispatch.sandbox.city.people import Person, passers_by, runners_of_a_day
from dispatch.sandbox.city.play import City, played
from dispatch.sandbox.city.policies import MOST_ADDED_MIN, POLICIES, Policy
from dispatch.sandbox.world import DROPOFF_M

SMALL = City(runners=60, errands=100, passers=40, hours=0.4, tick_s=60)
CITY_HALL = Point(37.5657, 126.9769)


@cache
def day_of(policy: Policy) -> Day:
    errands = errands_of_a_day(1, count=SMALL.errands, hours=SMALL.hours)
    runners = runners_of_a_day(1, count=SMALL.runners, hours=SMALL.hours)
    passers = passers_by(1, count=SMALL.passers, hours=SMALL.hours)
    day = Day(errands, [*runners, *passers], policy, tick_s=SMALL.tick_s, seed=SMALL.seed)
    day.run()
    return day


@pytest.mark.parametrize("policy", POLICIES, ids=lambda policy: policy.name)
def test_every_errand_ends_in_exactly_one_way(policy: Policy) -> None:
    day = day_of(policy)
    ends = Counter[str]()
    for errand in day.errands:
        if errand.delivered is None:
            assert errand in day.given_up
            assert (errand.accepted, errand.collected) == (None, None)
            ends["given up"] += 1
        else:
            assert errand not in day.given_up
            assert errand.accepted is not None
            assert errand.collected is not None
            assert errand.posted <= errand.accepted
            assert errand.posted <= errand.collected <= errand.delivered
            assert errand.delivered - errand.collected >= errand.on_site_s - 0.001
            ends["delivered"] += 1
    assert ends["delivered"] == sum(person.completed for person in day.people)
    assert ends["delivered"] > 20
    assert sum(person.earned for person in day.people) == sum(
        errand.reward for errand in day.errands if errand.delivered
    )


def test_nobody_is_left_with_something_to_do_and_no_passer_goes_far_out_of_his_way() -> None:
    day = day_of(POLICIES[-1])
    assert not any(person.stops for person in day.people)
    passers = [person for person in day.people if person.passes_by]
    assert any(person.completed for person in passers)
    for person in passers:
        assert person.heading is None
        assert person.walked_min <= person.own_way_min + MOST_ADDED_MIN + 0.1


def test_one_seed_is_one_day_and_another_is_another() -> None:
    def told(seed: int) -> list[dict[str, object]]:
        city = City(runners=30, errands=40, passers=20, hours=0.1, seed=seed)
        return [each.as_data() for each in played(city, POLICIES[-1:], tell=lambda _line: None)]

    assert told(1) == told(1)
    assert told(1) != told(2)


def test_people_who_pass_by_are_asked_only_where_a_policy_says_so() -> None:
    assert not any(person.passes_by for person in day_of(POLICIES[1]).people)


def test_near_a_border_everybody_is_shown_to_the_run_of_the_nearest_errand_only() -> None:
    errands = errands_of_a_day(3, count=400, hours=24)
    people = runners_of_a_day(3, count=300, hours=24)
    areas = by_area(errands)
    assert len(areas) > 5
    found = shown(areas, people, 0.0, most_reach_m=3_000)
    everybody = [person.id for area in found.values() for person in area]
    assert len(everybody) == len(set(everybody)) > 250
    for area, these in found.items():
        for person in these[:5]:
            near = min(errands, key=lambda e: metres_between(e.pickup, person.start))
            assert near in areas[area]


def test_demand_follows_the_day_and_stays_on_foot() -> None:
    errands = errands_of_a_day(7, count=4_000, hours=24)
    assert [e.posted for e in errands] == sorted(e.posted for e in errands)
    hours = Counter(int(FIRST_HOUR + e.posted / 3600) % 24 for e in errands)
    assert hours[BUSY.index(max(BUSY))] > 5 * hours[BUSY.index(min(BUSY))]
    for errand in errands[:200]:
        assert PATIENCE_S[0] <= errand.given_up - errand.posted <= PATIENCE_S[1]
        if errand.dropoff:
            metres = metres_between(errand.pickup, errand.dropoff)
            assert DROPOFF_M[0] * 0.99 <= metres <= DROPOFF_M[1] * 1.01


def test_somebody_under_way_is_on_the_straight_way_and_walks_it_once() -> None:
    goal = Point(37.5757, 126.9769)
    person = Person(passers_by(1, count=1, hours=1)[0].id, CITY_HALL, 0.0, np.inf, 1.0, goal)
    whole = walking_minutes(CITY_HALL, goal)
    half = person.position(whole * 30)
    assert metres_between(half, CITY_HALL) == pytest.approx(metres_between(half, goal), rel=1e-3)
    person.replan(person.stops, whole * 30)
    assert person.arrive() is None
    assert person.walked_min == pytest.approx(whole, rel=1e-3)
    assert person.is_gone(whole * 60 + 1)


@pytest.mark.parametrize(
    ("values", "expected"),
    [([5, 5, 5, 5], 0), ([0, 0, 0, 12], 0.75), ([1, 2, 3, 4], 0.25), ([0, 0], 0)],
)
def test_gini(values: list[float], expected: float) -> None:
    assert gini(np.array(values, dtype=float)) == pytest.approx(expected)


def test_an_outcome_counts_what_was_walked_for_errands_only() -> None:
    day = day_of(POLICIES[2])
    found = outcome(day)
    own = sum(person.own_way_min for person in day.people)
    walked = sum(person.walked_min for person in day.people)
    assert found.added_walk * found.completed == pytest.approx(walked - own)
    assert found.completed + found.given_up == found.posted == SMALL.errands
    assert len(found.to_pickup) == found.completed


@pytest.mark.django_db
def test_the_command_needs_no_database_and_draws(
    tmp_path: Path, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    out, png = StringIO(), tmp_path / "city.png"
    with django_assert_num_queries(0):
        call_command(
            "simulate", "--in-process", "--json", "--runners=20", "--errands=40", "--hours=0.3",
            "--policy=batch", "--policy=nearest first", f"--plot={png}", stdout=out,
            stderr=StringIO(),
        )  # fmt: skip
    told = json.loads(out.getvalue())
    assert [each["policy"] for each in told["policies"]] == ["nearest first", "batch"]
    assert told["city"]["runners"] == 20
    assert png.read_bytes().startswith(b"\x89PNG")


def test_without_matplotlib_a_plot_is_refused_before_the_day_begins(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda _name: None)
    with pytest.raises(CommandError, match="requirements-dev"):
        call_command("simulate", "--in-process", f"--plot={tmp_path / 'x.png'}")


@pytest.mark.parametrize("wrong", ["--runners=0", "--hours=25", "--tick=0", "--seed=-1"])
def test_impossible_cities_are_refused(wrong: str) -> None:
    with pytest.raises(CommandError):
        call_command("simulate", "--in-process", wrong)
