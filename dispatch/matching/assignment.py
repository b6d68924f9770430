"""One minimum-cost assignment: every errand to at most one runner, every runner to one errand."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.optimize import linear_sum_assignment
from scipy.sparse import csr_matrix
from scipy.sparse.csgraph import min_weight_full_bipartite_matching

from dispatch.matching.pairs import Pairs
from dispatch.matching.shapes import UNMATCHED_COST, Floats, Ints

CENT = 1e-9


def assign(pairs: Pairs, cost: Floats, shape: tuple[int, int]) -> Ints:
    """Choose rows of ``pairs``, as many as can be and then the cheapest."""
    return _sparse(pairs, cost, shape)


def _dense(pairs: Pairs, cost: Floats, shape: tuple[int, int]) -> Ints:
    """Over the whole table; a cell that is no pair costs as much as leaving the errand alone."""
    table = np.full(shape, UNMATCHED_COST)
    table[pairs.errand, pairs.runner] = cost
    which = np.full(shape, -1, dtype=np.int64)
    which[pairs.errand, pairs.runner] = np.arange(len(cost))
    chosen: Ints = which[linear_sum_assignment(table)]
    return chosen[chosen >= 0]


def _sparse(pairs: Pairs, cost: Floats, shape: tuple[int, int]) -> Ints:
    """Over the given pairs only; each errand has a column of its own to fall back on."""
    rows, columns = shape
    alone = np.arange(rows)
    prices = np.concatenate([cost, np.full(rows, UNMATCHED_COST)])
    row = np.concatenate([pairs.errand, alone])
    column = np.concatenate([pairs.runner, columns + alone])
    # Zero would mean "no edge"; a constant on every edge changes no choice.
    table: Any = csr_matrix(
        (prices - prices.min() + 1, (row, column)), shape=(rows, columns + rows)
    )
    errand, chosen_column = min_weight_full_bipartite_matching(table)
    partner = np.empty(rows, dtype=np.int64)
    partner[errand] = chosen_column
    chosen: Ints = np.nonzero(partner[pairs.errand] == pairs.runner)[0]
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
        lower = found < prices[runner[first]] - CENT
        if not lower.any():
            break
        prices[runner[first[lower]]] = found[lower]
    worth: Floats = paid - prices[partner]
    return worth
