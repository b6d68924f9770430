"""One minimum-cost assignment: every errand to at most one runner, every runner to one errand."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.sparse import csr_matrix
from scipy.sparse.csgraph import min_weight_full_bipartite_matching

from dispatch.matching.pairs import Pairs, numbered
from dispatch.matching.shapes import UNMATCHED_COST, Floats, Ints

ROUNDING = 1e-9


def assign(pairs: Pairs, cost: Floats, shape: tuple[int, int]) -> Ints:
    """Choose rows of ``pairs``, as many as can be and then the cheapest.

    Each errand has a column of its own to fall back on. Without them, where nobody needs one, the
    solver takes a third less time where runners are many, and sixty times more where they are few.
    """
    rows = shape[0]
    alone = np.arange(rows)
    # The solver's time grows with all columns, so only those that somebody may choose.
    runners, column = numbered(pairs.runner, shape[1])
    prices = np.concatenate([cost, np.full(rows, UNMATCHED_COST)])
    # Zero would mean "no edge"; a constant on every edge changes no choice.
    table: Any = csr_matrix(
        (
            prices - prices.min() + 1,
            (
                np.concatenate([pairs.errand, alone]),
                np.concatenate([column, len(runners) + alone]),
            ),
        ),
        shape=(rows, len(runners) + rows),
    )
    errand, taken = min_weight_full_bipartite_matching(table)
    partner = np.empty(rows, dtype=np.int64)
    partner[errand] = taken
    chosen: Ints = np.nonzero(partner[pairs.errand] == column)[0]
    return chosen


def worth(pairs: Pairs, cost: Floats, chosen: Ints, shape: tuple[int, int]) -> Floats:
    """Return for each errand what it adds to the least total: its price in the dual problem.

    A runner's price is what the total would fall if there were two of him; runners left over
    have none. Prices are shortest ways through the exchanges "this errand takes that runner
    instead" (Bellman and Ford), which have no negative circle because the choice is the best.
    A runner not looked at can only help an errand that he would cost less than its worth.
    """
    rows, columns = shape
    paid, partner = np.full(rows, UNMATCHED_COST), columns + np.arange(rows)
    paid[pairs.errand[chosen]] = cost[chosen]
    partner[pairs.errand[chosen]] = pairs.runner[chosen]
    order = np.argsort(pairs.runner, kind="stable")
    step = (cost - paid[pairs.errand])[order]
    start = partner[pairs.errand][order]
    runner = pairs.runner[order]
    first = np.nonzero(np.diff(runner, prepend=-1))[0]
    prices = np.zeros(columns + rows)
    while len(first):
        found = np.minimum.reduceat(prices[start] + step, first)
        lower = found < prices[runner[first]] - ROUNDING
        if not lower.any():
            break
        prices[runner[first[lower]]] = found[lower]
    worth: Floats = paid - prices[partner]
    return worth
