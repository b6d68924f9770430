"""Who is asked first: all open errands of an area against all free runners, solved together.

One minimum-cost assignment. A cost is in walking minutes; a lower one is asked first. Nobody
in reach is better than a broken rule, anybody in reach is better than nobody.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple, TypeAlias
from uuid import UUID

import numpy as np

from dispatch.matching.area import Area
from dispatch.matching.assignment import assign_dense, assign_sparse
from dispatch.matching.costs import price
from dispatch.matching.shapes import (
    MOST_CARRIED,
    Corridor,
    Costs,
    Floats,
    Free,
    Ints,
    Match,
    NonOffer,
    Pairs,
    Rules,
    Solution,
    Visit,
    Wanted,
)
from dispatch.matching.walk import Estimate, Walk

__all__ = [
    "MOST_CARRIED", "Corridor", "Estimate", "Free", "Match", "NonOffer", "Rules", "Solution",
    "Visit", "Walk", "Wanted", "solve",
]  # fmt: skip

FIRST_NEIGHBOURS = 20
MOST_NEIGHBOURS = 160

_Assign: TypeAlias = Callable[[Pairs, Floats, tuple[int, int]], Ints]


class _Layers(NamedTuple):
    """The same pairs after each rule: in reach, permitted, able to carry."""

    near: Pairs
    allowed: Pairs
    able: Pairs


ESTIMATE = Estimate()
PRODUCT = Rules()


def solve(
    errands: Sequence[Wanted], runners: Sequence[Free], *, walk: Walk = ESTIMATE,
    rules: Rules = PRODUCT,
) -> Solution:  # fmt: skip
    """Match one area; in a large one only neighbours are looked at."""
    if not errands or not runners:
        return Solution([], {e.id: NonOffer("no_runner_in_reach") for e in errands})
    area = Area(errands, runners, walk)
    if len(errands) * len(runners) <= rules.dense_cells:
        return _answer(area, area.all_pairs(), assign_dense, walk, rules)
    neighbours = FIRST_NEIGHBOURS
    while True:
        pairs, cut = area.near_pairs(neighbours)
        found = _answer(area, pairs, assign_sparse, walk, rules)
        neighbours *= 2
        # A second look only helps when somebody was left over and neighbours were left out.
        if not (found.unmatched and cut) or neighbours > MOST_NEIGHBOURS:
            return found


def _answer(area: Area, near: Pairs, assign: _Assign, walk: Walk, rules: Rules) -> Solution:
    """Apply the hard rules, price what is left and choose."""
    allowed = near.where(area.allowed(near))
    able = allowed.where(area.able(allowed, rules.most_carried))
    costs = price(area, able, walk, rules)
    chosen = assign(able, costs.total, area.shape)
    matches = [_match(area, able, costs, row) for row in chosen.tolist()]
    return Solution(matches, _reasons(area, _Layers(near, allowed, able), matches))


def _match(area: Area, pairs: Pairs, costs: Costs, row: int) -> Match:
    errand, runner = area.errands[pairs.errand[row]], area.runners[pairs.runner[row]]
    terms = {
        "added_minutes": costs.added[row],
        "waiting": costs.waiting[row],
        "fairness": costs.fairness[row],
        "ignored": costs.ignored[row],
        "total": costs.total[row],
        "distance_m": pairs.metres[row],
        "reach_m": errand.reach_m,
    }
    rounded = {name: round(float(value), 3) for name, value in terms.items()}
    return Match(runner.id, (errand.id,), (rounded,))


def _reasons(area: Area, pairs: _Layers, matches: Sequence[Match]) -> dict[UUID, NonOffer]:
    """Say at which rule each errand that found nobody lost its last runner."""
    matched = {errand_id for match in matches for errand_id in match.errand_ids}
    near, allowed, able = (np.bincount(p.errand, minlength=len(area.errands)) for p in pairs)
    return {
        errand.id: _reason(int(near[row]), int(allowed[row]), int(able[row]))
        for row, errand in enumerate(area.errands)
        if errand.id not in matched
    }


def _reason(near: int, allowed: int, able: int) -> NonOffer:
    steps = {"no_runner_in_reach": near, "all_excluded": allowed, "no_capacity": able}
    reason = next((name for name, left in steps.items() if not left), "outbid")
    return NonOffer(reason, near, allowed, able, able)
