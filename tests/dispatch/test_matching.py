"""Whom a matching run asks and whom never, with the terms and the reasons."""

from __future__ import annotations

import dataclasses
import uuid
from typing import Any

import pytest

from common.geo import Point
from dispatch.matching import (
    MOST_CARRIED,
    Corridor,
    Free,
    Match,
    NonOffer,
    Rules,
    Solution,
    Visit,
    Wanted,
    solve,
)

RULES = Rules()
SINGLE = Rules(most_bundled=1)
HUNDRED_M = 100 * 1.3 / 1.2  # seconds
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
        (wanted(due_s=5.9 * HUNDRED_M), free(), "late"),
        (wanted(ready_s=HUNDRED_M, due_s=5.9 * HUNDRED_M), free(metres=0), "late"),
        (wanted(pickup_service_s=20, due_s=6 * HUNDRED_M + 10), free(), "late"),
        (wanted(), free(until_s=0.9 * HUNDRED_M), "late"),
        (wanted(), free(from_s=30, until_s=1.1 * HUNDRED_M), "late"),
        (
            wanted(due_s=7 * HUNDRED_M, dropoff_service_s=60),
            free(stops=(Visit(north(900), 10 * HUNDRED_M + 50),)),
            "late",
        ),
        (wanted(), free(corridor=Corridor(north(700), 0.9 * 2 * HUNDRED_M)), "off_corridor"),
        (wanted(), free(corridor=Corridor(north(700), 900, 7 * HUNDRED_M)), "off_corridor"),
    ],
)
def test_a_hard_rule_leaves_the_errand_alone_and_says_which(
    errand: Wanted, runner: Free, reason: str
) -> None:
    solution = solve([errand], [runner])
    assert solution.matches == []
    assert solution.unmatched[errand.id].reason == reason


@pytest.mark.parametrize(
    ("errand", "runner"),
    [
        (wanted(due_s=6.1 * HUNDRED_M), free()),
        (wanted(ready_s=HUNDRED_M, due_s=6.1 * HUNDRED_M), free(metres=0)),
        (wanted(pickup_service_s=20, due_s=6.1 * HUNDRED_M + 20), free()),
        (wanted(), free(from_s=30, until_s=1.1 * HUNDRED_M + 30)),
        (
            wanted(due_s=7 * HUNDRED_M, dropoff_service_s=60),
            free(stops=(Visit(north(900), 10.1 * HUNDRED_M + 60),)),
        ),
        # Late anyway, and not later: he goes there first.
        (wanted(), free(carried=1, stops=(Visit(north(120), due_s=1),))),
        (wanted(), free(corridor=Corridor(north(700), 1.1 * 2 * HUNDRED_M))),
    ],
)
def test_just_in_time_is_in_time(errand: Wanted, runner: Free) -> None:
    assert len(solve([errand], [runner]).matches) == 1


def test_a_reason_counts_who_was_left_after_each_rule() -> None:
    errand = wanted(excluded=frozenset({BOB}), due_s=9 * HUNDRED_M)
    runners = [
        free(BOB), free(CHARLIE, bags_left=0), free(uuid.UUID(int=4), 500),
        free(uuid.UUID(int=5), 700),
    ]  # fmt: skip
    assert solve([errand], runners).unmatched[errand.id] == NonOffer("late", 3, 2, 1, 0)


def test_nobody_there_at_all() -> None:
    assert solve([wanted()], []).unmatched == {wanted().id: NonOffer("no_runner_in_reach")}
    assert solve([], [free()]) == Solution([], {})


def test_the_last_metre_of_the_reach_counts() -> None:
    assert solve([wanted()], [free(metres=599)]).matches
    assert solve([wanted(reach_m=1_200)], [free(metres=601)]).matches


# --- choices -----------------------------------------------------------------------------
def test_the_longer_waiting_errand_wins_the_only_runner() -> None:
    early, late = wanted(1, waited_s=300), wanted(2, waited_s=0)
    solution = solve([late, early], [free()], rules=SINGLE)
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
    solution = solve([first, second], [free(BOB, 200), free(CHARLIE, -300)], rules=SINGLE)
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
    assert len(solve(many, [free()], rules=SINGLE).matches) == 1
    runners = [free(uuid.UUID(int=n), n) for n in range(50)]
    assert len(solve(many, runners, rules=SINGLE).matches) == 5


def test_the_neighbourhood_grows_past_runners_who_may_not() -> None:
    barred = [free(uuid.UUID(int=n), n / 10) for n in range(1_000, 1_100)]
    errand = wanted(excluded=frozenset(r.id for r in barred))
    [match] = solve([errand], [*barred, free(BOB, 500)]).matches
    assert match.runner_id == BOB


def test_a_runner_who_will_pass_by_is_near() -> None:
    far = free(BOB, -3_000, carried=1, stops=(Visit(north(800)),))
    [match] = solve([wanted()], [far]).matches
    assert match.terms[0]["distance_m"] == pytest.approx(0, abs=1)
    assert match.terms[0]["added_minutes"] == pytest.approx(0, abs=1e-3)
    assert [step.point for step in match.way] == [CITY_HALL, north(500), north(800)]


def test_a_policy_may_have_arrivals_count() -> None:
    # Bob adds nothing, but comes late.
    passing = free(BOB, -3_000, carried=1, stops=(Visit(north(800)),))
    runners = [passing, free(CHARLIE, 100)]
    [match] = solve([wanted()], runners).matches
    assert match.runner_id == BOB
    [match] = solve([wanted()], runners, rules=Rules(arrival_weight=0.5)).matches
    assert match.runner_id == CHARLIE


# --- together ----------------------------------------------------------------------------
def only(matches: list[Match]) -> tuple[uuid.UUID, ...]:
    """The errands of the only match."""
    [match] = matches
    return match.errand_ids


def test_two_that_go_together_go_together() -> None:
    here, next_door = wanted(1), wanted(2, pickup=north(20), dropoff=north(520))
    runners = [free(BOB, -100), free(CHARLIE, 120)]
    assert only(solve([next_door, here], runners).matches) == (here.id, next_door.id)
    assert len(solve([next_door, here], runners, rules=SINGLE).matches) == 2


def test_two_who_had_nothing_for_long_get_one_each() -> None:
    # To carry both saves five minutes of walking, which an idle hour outweighs.
    errands = [wanted(1, dropoff=north(200)), wanted(2, dropoff=north(200))]
    runners = [free(BOB, idle_s=3_600), free(CHARLIE, idle_s=3_600)]
    assert len(solve(errands, runners).matches) == 2


def test_of_four_one_runner_gets_three_whatever_he_does_not_carry_yet() -> None:
    errands = [wanted(n, bags=0) for n in range(1, 5)]
    assert len(only(solve(errands, [free()]).matches)) == 3
    assert len(only(solve(errands, [free(carried=2)]).matches)) == 1
    assert len(only(solve(errands, [free(kg_left=2.5)]).matches)) == 2
    assert len(only(solve(errands, [free()], rules=Rules(most_bundled=2)).matches)) == 2


def test_the_one_left_over_is_explained() -> None:
    errands = [wanted(n, bags=0) for n in range(1, 5)]
    [left] = solve(errands, [free()]).unmatched.values()
    assert left == NonOffer("outbid", 1, 1, 1, 1)


def test_together_nothing_comes_much_later_than_alone() -> None:
    errands = [wanted(1), wanted(2, pickup=north(-100), dropoff=north(520))]
    runners = [free(BOB, -110), free(CHARLIE, 10)]
    assert len(solve(errands, runners).matches) == 1
    assert len(solve(errands, runners, rules=Rules(most_late_s=60)).matches) == 2


def test_one_shop_is_one_stop() -> None:
    def errand(number: int, shop: str) -> Wanted:
        return wanted(number, pickup_service_s=300, due_s=6 * HUNDRED_M + 310, origin=shop)

    assert len(only(solve([errand(1, "a"), errand(2, "a")], [free()]).matches)) == 2
    assert len(only(solve([errand(1, "a"), errand(2, "b")], [free()]).matches)) == 1
