"""The matching against slower ways: brute force, the whole table, and every way walked again."""

from __future__ import annotations

import dataclasses
import itertools
import random
import uuid
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy.optimize import linear_sum_assignment

from common.geo import METRES_PER_DEGREE, Point
from dispatch.matching import MOST_CARRIED, Corridor, Free, Rules, Solution, Visit, Wanted, solve
from dispatch.matching.area import Area
from dispatch.matching.candidates import everybody
from dispatch.matching.costs import Terms
from dispatch.matching.routes import LATE_S, Routes
from dispatch.matching.shapes import UNMATCHED_COST, Floats
from dispatch.matching.single import Table
from dispatch.matching.walk import Estimate
from tests.dispatch import rewalk
from tests.dispatch.towns import town

RULES = Rules()
SINGLE = Rules(most_bundled=1)
NEVER = float("inf")

points = st.builds(Point, st.floats(37.560, 37.572), st.floats(126.970, 126.986))
people = st.integers(1, 5).map(lambda n: uuid.UUID(int=n))
kinds = st.sampled_from(["delivery", "delivery", "delivery", "queue"])
soon = st.sampled_from([0.0, 0.0, 120.0, 700.0])
# Mostly free to choose, or hardly anything could be matched at all.
promised = st.one_of(*[st.just(NEVER)] * 3, st.floats(600, 5_000))
corridors = st.builds(Corridor, points, st.floats(0, 3_000), promised)
wanted_ones = st.builds(
    Wanted,
    id=st.uuids(),
    requester_id=people,
    kind=kinds,
    pickup=points,
    dropoff=st.none() | points,
    weight_kg=st.integers(1, 12),
    bags=st.integers(0, 3),
    waited_s=st.floats(0, 3_000),
    reach_m=st.sampled_from([400.0, 900.0, 3_000.0]),
    excluded=st.frozensets(people, max_size=1),
    ignored=st.dictionaries(people, st.integers(1, 7), max_size=2),
    ready_s=soon,
    due_s=promised,
    pickup_service_s=soon,
    dropoff_service_s=soon,
    origin=st.sampled_from([None, "bakery"]),
)
free_ones = st.builds(
    Free,
    id=people,
    position=points,
    kinds=st.frozensets(kinds, min_size=1),
    kg_left=st.integers(6, 30),
    bags_left=st.integers(2, 8),
    carried=st.integers(0, MOST_CARRIED) | st.just(0),
    stops=st.lists(st.builds(Visit, points, promised, soon, soon), max_size=3).map(tuple),
    idle_s=st.floats(0, 5_000),
    corridor=st.one_of(st.none(), st.none(), corridors),
    from_s=soon,
    until_s=promised,
)
errand_lists = st.lists(wanted_ones, min_size=1, max_size=4, unique_by=lambda e: e.id)
runner_lists = st.lists(free_ones, min_size=1, max_size=4, unique_by=lambda r: r.id)


def cost(errand: Wanted, runner: Free) -> float:
    """The terms again; infinite where a rule says no."""
    if not rewalk.may(errand, runner, RULES):
        return NEVER
    waiting = RULES.waiting_weight * min(errand.waited_s / 60, RULES.waiting_cap_min)
    fairness = RULES.fairness_weight * min(runner.idle_s / 60, RULES.fairness_cap_min)
    ignored = RULES.ignored_minutes * min(errand.ignored.get(runner.id, 0), RULES.ignored_cap)
    return rewalk.added(errand, runner) - waiting - fairness + ignored


def least(errands: list[Wanted], runners: list[Free]) -> float:
    """The smallest total over every way to match, or not to match."""
    prices = [[cost(e, r) for r in runners] + [UNMATCHED_COST] * len(errands) for e in errands]
    columns = range(len(runners) + len(errands))
    return min(
        sum(prices[row][column] for row, column in enumerate(chosen))
        for chosen in itertools.permutations(columns, len(errands))
    )


def near_a_limit(errand: Wanted, runner: Free) -> bool:
    """The flat map and the sphere may disagree there, and a millisecond is more than rounding."""
    away = abs(rewalk.away_m(errand, runner) - errand.reach_m)
    late, in_time = (rewalk.added(errand, runner, slack) for slack in (LATE_S, 0.5))
    return away < errand.reach_m * 0.002 or late != in_time


def faults(errands: list[Wanted], runners: list[Free], solution: Solution) -> list[str]:
    by_errand, by_runner = {e.id: e for e in errands}, {r.id: r for r in runners}
    given_to = [match.runner_id for match in solution.matches]
    matched = [errand_id for match in solution.matches for errand_id in match.errand_ids]
    found = [
        fault
        for match in solution.matches
        for fault in rewalk.faults(
            match, by_runner[match.runner_id], [by_errand[e] for e in match.errand_ids], RULES
        )
    ]
    if len(set(given_to)) < len(given_to):
        found.append("a runner twice")
    if sorted([*matched, *solution.unmatched]) != sorted(by_errand):
        found.append("not each errand once, matched or explained")
    return found


@settings(max_examples=150, deadline=None)
@given(errand_lists, runner_lists)
def test_one_each_is_the_cheapest_of_all_ways(errands: list[Wanted], runners: list[Free]) -> None:
    assume(not any(near_a_limit(e, r) for e in errands for r in runners))
    solution = solve(errands, runners, rules=SINGLE)
    assert solution.total == pytest.approx(least(errands, runners), abs=0.1)
    assert faults(errands, runners, solution) == []


@settings(max_examples=150, deadline=None)
@given(errand_lists, runner_lists)
def test_together_breaks_no_rule_and_costs_no_more(
    errands: list[Wanted], runners: list[Free]
) -> None:
    together, apart = solve(errands, runners), solve(errands, runners, rules=SINGLE)
    assert faults(errands, runners, together) == []
    assert together.total <= apart.total + 0.01
    assert set(together.unmatched) <= set(apart.unmatched)


def test_the_second_walk_finds_faults() -> None:
    """The judge of the tests above can say no."""
    errands, runners = town(40, 40)
    match = max(solve(errands, runners).matches, key=lambda each: len(each.errand_ids))
    [runner] = [each for each in runners if each.id == match.runner_id]
    first, *others = (next(e for e in errands if e.id == each) for each in match.errand_ids)
    assert list(rewalk.faults(match, runner, [first, *others], RULES)) == []
    hurried = dataclasses.replace(first, due_s=60, excluded=frozenset({runner.id}), bags=9)
    found = set(rewalk.faults(match, runner, [hurried, *others], RULES))
    assert found == {"excluded", "a promise broken", "too many bags"}
    wrong = match._replace(
        way=(match.way[1], match.way[0], *match.way[2:]),
        terms=tuple({**terms, "added_minutes": 0.0} for terms in match.terms),
    )
    found = set(rewalk.faults(wrong, runner, [first, *others], RULES))
    assert found == {"another order of pickups", "other minutes than told"}


# --- large -------------------------------------------------------------------------------
def whole_table(errands: list[Wanted], runners: list[Free]) -> float:
    """The least total over all pairs within reach, by the dense solver."""
    area = Area(errands, runners, Estimate(), SINGLE)
    routes = Routes(area)
    table = Table(routes, Terms(area))
    table.add(*everybody(routes, area.pickup))
    prices = np.full(area.shape, UNMATCHED_COST)
    prices[table.priced.pairs.errand, table.priced.pairs.runner] = table.priced.cost
    best = float(prices[linear_sum_assignment(prices)].sum())
    return best + UNMATCHED_COST * max(0, len(errands) - len(runners))


def walked(solution: Solution) -> float:
    return sum(terms["added_minutes"] for match in solution.matches for terms in match.terms)


@pytest.mark.parametrize(
    ("errands", "runners", "options"),
    [
        (300, 900, {}),
        (300, 900, {"under_way": 0.6}),
        (300, 900, {"under_way": 0.0, "reaches": (5_000,)}),
        (300, 900, {"due_s": 2_400}),
        (300, 320, {}),
        (300, 300, {"reaches": (600,)}),
        (340, 300, {}),
    ],
)
def test_neighbours_are_as_good_as_the_whole_table(
    errands: int, runners: int, options: dict[str, Any]
) -> None:
    wanted, free = town(errands, runners, **options)
    solution = solve(wanted, free, rules=SINGLE)
    assert solution.total - whole_table(wanted, free) <= 0.005 * walked(solution)
    assert faults(wanted, free, solution) == []


@pytest.mark.parametrize(("errands", "runners"), [(100, 300), (200, 200), (250, 200)])
def test_bundles_keep_the_rules_and_save_walking(errands: int, runners: int) -> None:
    wanted, free = town(errands, runners, due_s=4_000)
    # Without the other terms the cost is the walking alone.
    together, apart = (
        solve(wanted, free, rules=Rules(most_bundled=most, fairness_weight=0, waiting_weight=0))
        for most in (3, 1)
    )
    assert faults(wanted, free, together) == []
    assert together.total < apart.total
    assert any(len(match.errand_ids) == 3 for match in together.matches)
    if not apart.unmatched:
        assert walked(together) < 0.9 * walked(apart)


def test_the_order_of_the_inputs_does_not_matter() -> None:
    errands, runners = town(60, 100, due_s=4_000)
    solution = solve(errands, runners)
    dice = random.Random(1)
    for _time in range(3):
        dice.shuffle(errands)
        dice.shuffle(runners)
        assert solve(errands, runners) == solution


class Blocks:
    """A town of right angles where each block begun counts: a walk of somebody else's."""

    def flat(self, points: Floats) -> Floats:
        return Estimate().flat(points)

    def seconds(self, start: Floats, end: Floats) -> Floats:
        north, east = np.moveaxis(np.abs(end - start) * METRES_PER_DEGREE, -1, 0)
        walked: Floats = np.ceil((north + 0.79 * east) / 60) * 60
        return walked


def test_another_way_to_walk_is_obeyed() -> None:
    errands, runners = town(50, 80)
    for match in solve(errands, runners, walk=Blocks()).matches:
        assert sum(terms["added_minutes"] for terms in match.terms) % 1 == 0
