"""One minimum-cost assignment: every errand to at most one runner, every runner to one errand."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.sparse import csr_matrix
from scipy.sparse.csgraph import min_weight_full_bipartite_matching

from dispatch.matching.pairs import Pairs
from dispatch.matching.shapes import UNMATCHED_COST, Floats, Ints

ROUNDING = 1e-9


def assign(pairs: Pairs, cost: Floats, shape: tuple[int, int]) -> Ints:
    """Choose rows of ``pairs``, as many as can be and then the cheapest."""
    rows = shape[0]
    # The solver's time grows with all columns, so only those that somebody may choose.
    runners, column = np.unique(pairs.runner, return_inverse=True)
    columns = len(runners)
    try:
        partner = _partners(pairs.errand, column, cost, (rows, columns))
    except ValueError:  # not every errand can have a runner: each gets a column to fall back on
        alone = np.arange(rows)
        partner = _partners(
            np.concatenate([pairs.errand, alone]),
            np.concatenate([column, columns + alone]),
            np.concatenate([cost, np.full(rows, UNMATCHED_COST)]),
            (rows, columns + rows),
        )
    chosen: Ints = np.nonzero(partner[pairs.errand] == column)[0]
    return chosen


def _partners(row: Ints, column: Ints, cost: Floats, shape: tuple[int, int]) -> Ints:
    """Return the column of each row.

    Raises:
        ValueError: There is no way to give each row one.
    """
    if shape[1] < shape[0] or not np.bincount(row, minlength=shape[0]).all():
        raise ValueError("a row without a choice, or too few columns")
    # Zero would mean "no edge"; a constant on every edge changes no choice.
    table: Any = csr_matrix((cost - cost.min() + 1, (row, column)), shape=shape)
    rows, columns = min_weight_full_bipartite_matching(table)
    partner = np.empty(shape[0], dtype=np.int64)
    partner[rows] = columns
    return partner


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
