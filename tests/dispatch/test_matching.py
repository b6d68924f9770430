"""The assignment against brute force, its hard rules, its terms and its reasons."""

from __future__ import annotations

import dataclasses
import itertools
import uuid
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from common.geo import Point, metres_between
from dispatch import policy
from dispatch.matching import MOST_CARRIED, Free, NonOffer, Rules, Solution, Visit, Wanted, solve
from dispatch.matching.shapes import UNMATCHED_COST

RULES = Rules()
CITY_HALL = Point(37.5663, 126.9779)
ALICE, BOB, CHARLIE = (uuid.UUID(int=n) for n in (1, 2, 3))


def north(metres: float) -> Point:
    """A point so many metres north of the city hall."""
    return Point(CITY_HALL.lat + metres / 111_195, CITY_HALL.lng)


def wanted(number: int = 100, **changes: Any) -> Wanted:
    plain = Wanted(
        id=uuid.UUID(int=number), requester_id=ALICE, kind="delivery", pickup=CITY_HALL,
        dropoff=north(500), weight_kg=1, bags=1, waited_s=0, reach_m=600,
    )  # fmt: skip
    return dataclasses.replace(plain, **changes)


def free(person: uuid.UUID = BOB, metres: float = 100, **changes: Any) -> Free:
    plain = Free(
        id=person, position=north(metres), kinds=frozenset({"delivery"}), kg_left=10, bags_left=2
    )
    return dataclasses.replace(plain, **changes)


# --- one errand, one runner --------------------------------------------------------------
def test_a_match_says_why() -> None:
    [match] = solve([wanted(waited_s=120)], [free(idle_s=600)]).matches
    assert (match.errand_ids, match.runner_id) == ((uuid.UUID(int=100),), BOB)
    assert match.terms[0]["added_minutes"] == pytest.approx(600 * 1.3 / 1.2 / 60, rel=1e-3)
    assert match.terms[0]["waiting"] == -1.0
    assert match.terms[0]["fairness"] == -1.0
    assert match.terms[0]["total"] == pytest.approx(match.terms[0]["added_minutes"] - 2, abs=2e-3)
    assert match.terms[0]["distance_m"] == pytest.approx(100, rel=1e-3)
    assert match.terms[0]["reach_m"] == 600


@pytest.mark.parametrize(
    ("errand", "runner", "reason"),
    [
        (wanted(), free(metres=601), "no_runner_in_reach"),
        (wanted(excluded=frozenset({BOB})), free(), "all_excluded"),
        (wanted(requester_id=BOB), free(), "all_excluded"),
        (wanted(kind="queue"), free(), "all_excluded"),
        (wanted(weight_kg=11), free(), "no_capacity"),
        (wanted(bags=3), free(), "no_capacity"),
        (wanted(), free(carried=MOST_CARRIED), "no_capacity"),
    ],
)
def test_a_hard_rule_leaves_the_errand_alone_and_says_which(
    errand: Wanted, runner: Free, reason: str
) -> None:
    for cells in (0, 10):
        assert (
            solve([errand], [runner], rules=Rules(dense_cells=cells)).unmatched[errand.id].reason
            == reason
        )


def test_nobody_there_at_all() -> None:
    assert solve([wanted()], []).unmatched == {wanted().id: NonOffer("no_runner_in_reach")}
    assert solve([], [free()]) == Solution([], {})


def test_the_last_metre_of_the_reach_counts() -> None:
    assert solve([wanted()], [free(metres=599)]).matches
    assert solve([wanted(reach_m=1_200)], [free(metres=601)]).matches


# --- choices -----------------------------------------------------------------------------
def test_the_longer_waiting_errand_wins_the_only_runner() -> None:
    early, late = wanted(1, waited_s=300), wanted(2, waited_s=0)
    solution = solve([late, early], [free()])
    assert [m.errand_ids for m in solution.matches] == [(early.id,)]
    assert solution.unmatched == {late.id: NonOffer("outbid", 1, 1, 1, 1)}


def test_of_two_equally_near_runners_the_idle_one_is_asked() -> None:
    [match] = solve([wanted()], [free(BOB), free(CHARLIE, idle_s=1_800)]).matches
    assert match.runner_id == CHARLIE


def test_whoever_let_it_lapse_comes_after_a_neighbour_but_before_nobody() -> None:
    errand = wanted(ignored={BOB: 1})
    [match] = solve([errand], [free(BOB, 10), free(CHARLIE, 500)]).matches
    assert match.runner_id == CHARLIE
    [match] = solve([errand], [free(BOB, 10)]).matches
    assert match.runner_id == BOB
    assert match.terms[0]["ignored"] == RULES.ignored_minutes


def test_together_is_better_than_first_come_first_served() -> None:
    # Bob is the nearest to both, but only he can reach the second errand.
    first, second = wanted(1, pickup=north(0)), wanted(2, pickup=north(700))
    solution = solve([first, second], [free(BOB, 200), free(CHARLIE, -300)])
    assert {m.errand_ids[0]: m.runner_id for m in solution.matches} == {
        first.id: CHARLIE, second.id: BOB,
    }  # fmt: skip


def test_a_runner_already_going_there_adds_less() -> None:
    going = free(CHARLIE, 300, carried=1, stops=(Visit(north(0)), Visit(north(600))))
    [match] = solve([wanted()], [free(BOB, 200), going]).matches
    assert match.runner_id == CHARLIE
    assert match.terms[0]["added_minutes"] == pytest.approx(0, abs=1e-3)


def test_more_errands_than_runners_and_the_other_way_round() -> None:
    many = [wanted(n) for n in range(100, 105)]
    assert len(solve(many, [free()]).matches) == 1
    runners = [free(uuid.UUID(int=n), n) for n in range(50)]
    for cells in (0, 10_000):
        assert len(solve(many, runners, rules=Rules(dense_cells=cells)).matches) == 5


def test_the_neighbourhood_grows_past_runners_who_may_not() -> None:
    barred = [free(uuid.UUID(int=n), n / 10) for n in range(1_000, 1_100)]
    errand = wanted(excluded=frozenset(r.id for r in barred))
    [match] = solve([errand], [*barred, free(BOB, 500)], rules=Rules(dense_cells=0)).matches
    assert match.runner_id == BOB


# --- against brute force -----------------------------------------------------------------
points = st.builds(Point, st.floats(37.560, 37.572), st.floats(126.970, 126.986))
people = st.integers(1, 5).map(lambda n: uuid.UUID(int=n))
kinds = st.sampled_from(["delivery", "queue"])
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
    reach_m=st.sampled_from([300.0, 600.0, 1_200.0]),
    excluded=st.frozensets(people, max_size=2),
    ignored=st.dictionaries(people, st.integers(1, 7), max_size=2),
)
free_ones = st.builds(
    Free,
    id=people,
    position=points,
    kinds=st.frozensets(kinds, min_size=1),
    kg_left=st.integers(1, 12),
    bags_left=st.integers(0, 3),
    carried=st.integers(0, MOST_CARRIED),
    stops=st.lists(st.builds(Visit, points), max_size=4).map(tuple),
    idle_s=st.floats(0, 5_000),
)
errand_lists = st.lists(wanted_ones, max_size=4, unique_by=lambda e: e.id)
runner_lists = st.lists(free_ones, max_size=4, unique_by=lambda r: r.id)


def may(errand: Wanted, runner: Free) -> bool:
    return (
        errand.kind in runner.kinds
        and runner.id not in errand.excluded | {errand.requester_id}
        and errand.weight_kg <= runner.kg_left
        and errand.bags <= runner.bags_left
        and runner.carried < MOST_CARRIED
        and metres_between(errand.pickup, runner.position) <= errand.reach_m * 1.001
    )


def cost(errand: Wanted, runner: Free) -> float:
    """The terms again, the slow way: every insertion walked with the great-circle distance."""
    old = [policy.Stop(uuid.UUID(int=0), stop.point) for stop in runner.stops]
    new = [policy.Stop(errand.id, p) for p in (errand.pickup, errand.dropoff) if p]
    ways = (policy.minutes_along(runner.position, w) for w in policy.insertions(old, new))
    added = min(ways) - policy.minutes_along(runner.position, old)
    waiting = RULES.waiting_weight * min(errand.waited_s / 60, RULES.waiting_cap_min)
    fairness = RULES.fairness_weight * min(runner.idle_s / 60, RULES.fairness_cap_min)
    ignored = RULES.ignored_minutes * min(errand.ignored.get(runner.id, 0), RULES.ignored_cap)
    return added - waiting - fairness + ignored


def least(errands: list[Wanted], runners: list[Free]) -> float:
    """The smallest total over every way to match, or not to match."""
    places: list[Free | None] = [*runners, *([None] * len(errands))]
    return min(
        sum(
            UNMATCHED_COST if runner is None else cost(errand, runner)
            for errand, runner in zip(errands, chosen, strict=True)
        )
        for chosen in set(itertools.permutations(places, len(errands)))
        if all(r is None or may(e, r) for e, r in zip(errands, chosen, strict=True))
    )


def near_a_limit(errand: Wanted, runner: Free) -> bool:
    """The flat map and the sphere may disagree there."""
    away = metres_between(errand.pickup, runner.position)
    return abs(away - errand.reach_m) < errand.reach_m * 0.002


@settings(max_examples=150, deadline=None)
@given(errand_lists, runner_lists)
def test_it_is_the_cheapest_of_all_ways_and_breaks_no_rule(
    errands: list[Wanted], runners: list[Free]
) -> None:
    if any(near_a_limit(e, r) for e in errands for r in runners):
        return
    solution = solve(errands, runners)
    assert solution.total == pytest.approx(least(errands, runners) if errands else 0, abs=0.1)
    by_errand, by_runner = {e.id: e for e in errands}, {r.id: r for r in runners}
    for match in solution.matches:
        assert may(by_errand[match.errand_ids[0]], by_runner[match.runner_id])
    assert len({m.runner_id for m in solution.matches}) == len(solution.matches)
    assert {m.errand_ids[0] for m in solution.matches} | set(solution.unmatched) == set(by_errand)


@settings(max_examples=100, deadline=None)
@given(errand_lists, runner_lists)
def test_both_solvers_find_the_same_total(errands: list[Wanted], runners: list[Free]) -> None:
    dense, sparse = (
        solve(errands, runners, rules=Rules(dense_cells=cells)) for cells in (10_000, 0)
    )
    assert dense.total == pytest.approx(sparse.total, abs=0.01)
    assert len(dense.matches) == len(sparse.matches)
