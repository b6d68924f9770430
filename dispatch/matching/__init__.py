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
    Costs,
    Floats,
    Free,
    Ints,
    Match,
    Pairs,
    Solution,
    Wanted,
)

__all__ = ["MOST_CARRIED", "Free", "Match", "Solution", "Wanted", "solve"]

# Up to here the whole table is cheaper than looking for neighbours, and exact.
DENSE_CELLS = 1_500 * 1_500
FIRST_NEIGHBOURS = 20
MOST_NEIGHBOURS = 160

_Assign: TypeAlias = Callable[[Pairs, Floats, tuple[int, int]], Ints]


class _Layers(NamedTuple):
    """The same pairs after each rule: in reach, permitted, able to carry."""

    near: Pairs
    allowed: Pairs
    able: Pairs


def solve(
    errands: Sequence[Wanted], runners: Sequence[Free], *, dense_cells: int = DENSE_CELLS
) -> Solution:
    """Match one area; above ``dense_cells`` errands × runners only neighbours are looked at."""
    if not errands or not runners:
        return Solution([], dict.fromkeys((e.id for e in errands), "no_runner_in_reach"))
    area = Area(errands, runners)
    if len(errands) * len(runners) <= dense_cells:
        return _answer(area, area.all_pairs(), assign_dense)
    neighbours = FIRST_NEIGHBOURS
    while True:
        pairs, cut = area.near_pairs(neighbours)
        found = _answer(area, pairs, assign_sparse)
        neighbours *= 2
        # A second look only helps when somebody was left over and neighbours were left out.
        if not (found.unmatched and cut) or neighbours > MOST_NEIGHBOURS:
            return found


def _answer(area: Area, near: Pairs, assign: _Assign) -> Solution:
    """Apply the hard rules, price what is left and choose."""
    allowed = near.where(area.allowed(near))
    able = allowed.where(area.able(allowed))
    costs = price(area, able)
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
    return Match(errand.id, runner.id, {name: round(float(v), 3) for name, v in terms.items()})


def _reasons(area: Area, pairs: _Layers, matches: Sequence[Match]) -> dict[UUID, str]:
    """Say at which rule each errand that found nobody lost its last runner."""
    reasons = np.full(len(area.errands), "no_runner_in_reach", dtype=object)
    reasons[pairs.near.errand] = "all_excluded"
    reasons[pairs.allowed.errand] = "no_capacity"
    reasons[pairs.able.errand] = "outbid"
    found = dict(zip((e.id for e in area.errands), reasons.tolist(), strict=True))
    for match in matches:
        del found[match.errand_id]
    return found
