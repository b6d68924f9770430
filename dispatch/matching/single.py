"""Each errand alone: who could do it, at what cost, and who does when all choose together."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from dispatch.matching.assignment import assign, worth
from dispatch.matching.candidates import Ends, Search, Ways, everybody
from dispatch.matching.costs import Priced, Terms
from dispatch.matching.insertion import insertions
from dispatch.matching.pairs import among, without
from dispatch.matching.routes import Routes
from dispatch.matching.shapes import UNMATCHED_COST, Floats, Ints

FIRST_ENDS, FIRST_WAYS = 20, 60
MORE = 2  # times as many at each further look
WORTH_A_LOOK_MIN = 0.01
GAIN = 0.002  # of the minutes walked: a further look that saved less was the last


class Table:
    """All pairs looked at so far: those that break no rule with their price, and how many
    runners were left to each errand after each rule."""

    def __init__(self, routes: Routes, terms: Terms) -> None:
        count = len(routes.area.errands)
        self.area, self.routes, self.terms = routes.area, routes, terms
        # near, allowed, able, those of them outside corridors, timely
        self.left = np.zeros((5, count), dtype=np.int64)
        self.seen = np.zeros(0, dtype=np.int64)
        self.priced = Priced.none()

    def add(self, errand: Ints, runner: Ints) -> None:
        """Apply the rules to pairs, leave out those seen before, and price what is left."""
        near = self.routes.near_pairs(errand, runner)
        keys = self.area.keys(near)
        new = ~among(keys, self.seen)
        self.seen = np.sort(np.concatenate([self.seen, keys[new]]))
        near = near.where(new)
        allowed = near.where(self.area.allowed(near))
        able = allowed.where(self.routes.able(allowed))
        more = self.terms.priced(able, insertions(self.routes, able))
        open_ended = able.where(~self.area.closed[able.runner])
        kept = (near, allowed, able, open_ended, more.pairs)
        for left, pairs in zip(self.left, kept, strict=True):
            left += np.bincount(pairs.errand, minlength=len(left))
        self.priced = self.priced.and_these(more)


class Look:
    """How far one has looked in one way, and what nobody beyond can undercut."""

    def __init__(self, table: Table, search: Search, count: int) -> None:
        self.table, self.search, self.count = table, search, count
        self.least = np.zeros(len(table.area.errands))
        self.widen(np.arange(len(self.least)))

    def widen(self, errands: Ints) -> None:
        if len(errands):
            near = self.search.near(errands, self.count)
            self.table.add(near.errand, near.runner)
            self.least[errands] = near.least
            self.count *= MORE

    def narrow(self, values: Floats) -> Ints:
        """Return the errands that somebody beyond might do for less than they are worth."""
        return np.nonzero(self.least < values - WORTH_A_LOOK_MIN)[0]


class Choice(NamedTuple):
    """The best choice among the pairs of a table."""

    rows: Ints
    alone: Ints  # errands that found nobody
    values: Floats  # what each errand is worth
    total: float
    walked: float  # minutes, of what was chosen


def choice(table: Table) -> Choice:
    pairs, found, cost = table.priced
    rows = assign(pairs, cost, table.area.shape)
    alone = without(pairs.errand[rows], len(table.area.errands))
    total = float(cost[rows].sum()) + UNMATCHED_COST * len(alone)
    values = worth(pairs, cost, rows, table.area.shape)
    return Choice(rows, alone, values, total, float(found.added[rows].sum()) / 60)


def looked_around(routes: Routes, terms: Terms) -> tuple[Table, Ints]:
    """Look ever farther for the errands that somebody beyond might do for less than they are
    worth; return what was seen, and the rows of the best choice.

    Who finds nobody is shown everybody within reach at once.
    """
    table = Table(routes, terms)
    everyone = np.arange(len(routes.length))
    looks = [
        Look(table, Ends(routes, terms, everyone), FIRST_ENDS),
        Look(table, Ways(routes, terms, everyone), FIRST_WAYS),
    ]
    alone, best = table.area.pickup[:0], choice(table)
    while True:
        narrow = [look.narrow(best.values) for look in looks]
        lost = np.setdiff1d(best.alone, alone)
        if not len(lost) and not any(map(len, narrow)):
            return table, best.rows
        if len(lost):
            table.add(*everybody(routes, lost))
            alone = np.union1d(alone, lost)
        for look, rows in zip(looks, narrow, strict=True):
            look.widen(np.setdiff1d(rows, alone))
        before, best = best, choice(table)
        if not len(lost) and before.total - best.total <= GAIN * best.walked:
            return table, best.rows
