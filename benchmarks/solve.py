"""One matching run without its reading and writing: how long, and how far from the best there is.

The best is the dense optimum over the whole table of what each errand adds to each runner's way,
computed apart from the product; greedy is every errand in turn taking the nearest who is free.
What is compared is the walk to the pickups; where some carry, all that is added to their ways.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import numpy as np
from scipy.optimize import linear_sum_assignment
from scipy.spatial import cKDTree

from benchmarks.frame.program import main
from benchmarks.frame.rounds import turns
from benchmarks.frame.rows import Figure, Mark, Report, Row, figure, no_more_than
from benchmarks.sides.crowd import WALK, Crowd, added_s, crowd, located
from dispatch.matching import Rules, Solution, solve
from dispatch.matching.shapes import Floats, Ints

HALF_M = 5_000.0
SINGLE = Rules(most_bundled=1)
NEIGHBOURS = 64  # of an errand that greedy looks at before it looks at everybody
MOST_ABOVE = no_more_than(0.5)


class Options(NamedTuple):
    """Rounds, and the share of the real numbers of errands and runners."""

    rounds: int = 5
    share: float = 1.0


class Case(NamedTuple):
    """Errands and runners of one problem, and the mark for its time in milliseconds."""

    errands: int
    runners: int
    mark: Mark | None = None
    carrying: float = 0.0
    note: str = ""

    @property
    def name(self) -> str:
        return f"{self.errands:,} × {self.runners:,}{self.note and f', {self.note}'}"


CASES = (
    Case(1_000, 3_000, no_more_than(15.0)),
    Case(5_000, 10_000, no_more_than(200.0)),
    Case(1_000, 1_000, note="tight"),
    Case(1_000, 3_000, carrying=0.2, note="20 % carry"),
)


class Walked(NamedTuple):
    """Milliseconds that an answer took, and the seconds that its runners walk to their pickups."""

    ms: float
    walk_s: float


def measure(options: Options) -> Report:
    return Report([row for case in CASES for row in _rows(case, options)])


def _rows(case: Case, options: Options) -> list[Row]:
    those = crowd(
        round(case.errands * options.share), round(case.runners * options.share),
        half_m=HALF_M * options.share**0.5, carrying=case.carrying,
    )  # fmt: skip
    table = added_s(those)
    sides: dict[str, Callable[[], Walked]] = {
        "ours": partial(_ours, those, table, SINGLE),
        "bundled": partial(_ours, those, table, Rules()),
        "greedy": partial(_greedy, those, table),
    }
    found: dict[str, list[Walked]] = {name: [] for name in sides}
    for name in turns(sides, options.rounds):
        found[name].append(sides[name]())
    best = _optimum(table)
    base_s = best.walk_s + (_own_ways_s(those) if case.carrying else 0.0)
    above = {
        name: figure([_percent(each.walk_s - best.walk_s, base_s) for each in walked])
        for name, walked in found.items()
    }
    return [_time(case, found), _above(case, above, best.ms)]


def _percent(more: float, base: float) -> float:
    """A thousandth is the least: what is below comes from adding in another order."""
    return max(0.0, round(100 * more / base, 3))


def _ours(those: Crowd, table: Floats, rules: Rules) -> Walked:
    begun = time.perf_counter()
    solution = solve(those.errands, those.runners, rules=rules)
    ms = (time.perf_counter() - begun) * 1_000
    return Walked(ms, _walk(those, table, solution))


def _walk(those: Crowd, table: Floats, solution: Solution) -> float:
    """Add up what the matches walk by our own table; bundles have no place in it.

    Raises:
        AssertionError: somebody was left out although everybody is in reach.
    """
    row = {errand.id: number for number, errand in enumerate(those.errands)}
    column = {runner.id: number for number, runner in enumerate(those.runners)}
    pairs = [(row[e], column[m.runner_id]) for m in solution.matches for e in m.errand_ids]
    assert len({errand for errand, _runner in pairs}) == len(those.errands), "errands left over"
    return float(sum(table[pair] for pair in pairs))


def _greedy(those: Crowd, table: Floats) -> Walked:
    begun = time.perf_counter()
    chosen = _nearest(those, table)
    ms = (time.perf_counter() - begun) * 1_000
    return Walked(ms, float(table[np.arange(len(chosen)), chosen].sum()))


def _nearest(those: Crowd, table: Floats) -> Ints:
    places = WALK.flat(
        located([*(e.pickup for e in those.errands), *(r.position for r in those.runners)])
    )
    errands, runners = places[: len(those.errands)], places[len(those.errands) :]
    near = cKDTree(runners).query(errands, k=min(NEIGHBOURS, len(runners)))[1].tolist()
    free = np.ones(len(runners), dtype=bool)
    chosen = np.empty(len(errands), dtype=np.int64)
    for errand, candidates in enumerate(near):
        runner = next((each for each in candidates if free[each]), -1)
        if runner < 0:
            runner = int(np.where(free, table[errand], np.inf).argmin())
        free[runner], chosen[errand] = False, runner
    return chosen


def _optimum(table: Floats) -> Walked:
    begun = time.perf_counter()
    chosen = linear_sum_assignment(table)
    ms = (time.perf_counter() - begun) * 1_000
    return Walked(ms, float(table[chosen].sum()))


def _own_ways_s(those: Crowd) -> float:
    """From every pickup to its drop-off, which :func:`added_s` leaves out."""
    pickups = located(errand.pickup for errand in those.errands)
    dropoffs = located(errand.dropoff or errand.pickup for errand in those.errands)
    return float(WALK.seconds(pickups, dropoffs).sum())


def _time(case: Case, found: dict[str, list[Walked]]) -> Row:
    ms = {name: [each.ms for each in walked] for name, walked in found.items()}
    bundled = figure(ms["bundled"])
    return Row(
        path=f"One matching run, {case.name}", unit="ms", mark=case.mark, peer_name="greedy",
        ours=figure(ms["ours"], ms["ours"]), peer=figure(ms["greedy"], ms["greedy"]),
        note=f"with bundles {bundled.value:.0f} ms",
    )  # fmt: skip


def _above(case: Case, above: dict[str, Figure], best_ms: float) -> Row:
    return Row(
        path=f"… its walk above the optimum, {case.name}", unit="%", mark=MOST_ABOVE,
        ours=above["ours"], peer=above["greedy"], peer_name="greedy",
        note=f"the dense optimum took {best_ms:,.0f} ms",
    )  # fmt: skip


if __name__ == "__main__":
    main(Options, measure)
