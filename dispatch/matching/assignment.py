"""One minimum-cost assignment: every errand to at most one runner, every runner to one errand."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.optimize import linear_sum_assignment
from scipy.sparse import csr_matrix
from scipy.sparse.csgraph import min_weight_full_bipartite_matching

from dispatch.matching.shapes import UNMATCHED_COST, Floats, Ints, Pairs


def assign_dense(pairs: Pairs, cost: Floats, shape: tuple[int, int]) -> Ints:
    """Choose rows of ``pairs``; a cell that is no pair costs as much as leaving it alone."""
    rows, columns = shape
    # Never fewer columns than rows: every errand must be able to stay alone.
    table = np.full((rows, max(rows, columns)), UNMATCHED_COST)
    table[pairs.errand, pairs.runner] = cost
    which = np.full(table.shape, -1, dtype=np.int64)
    which[pairs.errand, pairs.runner] = np.arange(len(cost))
    chosen: Ints = which[linear_sum_assignment(table)]
    return chosen[chosen >= 0]


def assign_sparse(pairs: Pairs, cost: Floats, shape: tuple[int, int]) -> Ints:
    """The same over the given pairs only; each errand has a column of its own to fall back on."""
    rows, columns = shape
    alone = np.arange(rows)
    prices = np.concatenate([cost, np.full(rows, UNMATCHED_COST)])
    table: Any = csr_matrix(
        # Zero would mean "no edge"; a constant on every edge changes no choice.
        (
            prices - prices.min() + 1,
            (
                np.concatenate([pairs.errand, alone]),
                np.concatenate([pairs.runner, columns + alone]),
            ),
        ),
        shape=(rows, columns + rows),
    )
    errand, column = min_weight_full_bipartite_matching(table)
    taken = column < columns
    keys = pairs.errand * columns + pairs.runner
    order = np.argsort(keys)
    wanted = errand[taken].astype(np.int64) * columns + column[taken]
    chosen: Ints = order[np.searchsorted(keys, wanted, sorter=order)]
    return chosen
