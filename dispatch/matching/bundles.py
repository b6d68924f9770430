"""Errands that go together: one runner walks less than two.

Grown in rounds. In each, every errand that is alone or with a runner of its own may join
another runner's way, the greatest savings first (Clarke and Wright); the rest is assigned anew.
"""

from __future__ import annotations

import numpy as np

from dispatch.matching.area import NO_SHOP
from dispatch.matching.candidates import Ends, Ways
from dispatch.matching.costs import Priced, Terms
from dispatch.matching.insertion import insertions
from dispatch.matching.pairs import Pairs
from dispatch.matching.routes import Routes
from dispatch.matching.shapes import UNMATCHED_COST, Flags, Ints

LOOK_ENDS, LOOK_WAYS = 10, 40
WORTH_IT_MIN = 0.01
NOBODY = -1


class Bundles:
    """What is bundled so far: the routes with it, and its prices in the order of giving."""

    def __init__(self, routes: Routes) -> None:
        self.area = routes.area
        self.routes = routes.copy()
        self.terms = Terms(self.area, fair=False)  # fairness spoke for the first errand already
        self.count = np.zeros(len(routes.length), dtype=np.int64)
        self.free = np.ones(len(self.area.errands), dtype=bool)
        self.shops = np.full(len(routes.length), NO_SHOP)  # of what each was given
        self.given = Priced.none()

    def grow(self, singles: Priced) -> bool:
        """Let errands join other runners, given who does one alone; False when none should."""
        trial = self._with(singles)
        own = self._owners(singles)
        joins = self._joins(trial, singles, own)
        joins = joins.where(self._greatest(joins, singles, own))
        first = singles.where(np.isin(singles.pairs.runner, joins.pairs.runner))
        for more in (first, joins):
            self._give(more, trial)
        return bool(len(joins.cost))

    def rest(self, pairs: Pairs) -> Flags:
        """Whether neither errand nor runner is in a bundle."""
        rest: Flags = self.free[pairs.errand] & (self.count[pairs.runner] == 0)
        return rest

    def _with(self, singles: Priced) -> Routes:
        """Return the routes if everybody went, and nothing may come much later than alone."""
        trial = self.routes.copy()
        dropoff = self.area.dropoff[singles.pairs.errand]
        bearable = singles.found.arrival + self.area.rules.most_late_s
        trial.due[dropoff] = np.minimum(trial.due[dropoff], bearable)
        trial.give(singles.pairs, singles.found)
        return trial

    def _owners(self, singles: Priced) -> Ints:
        """Return the runner of each errand that is the only new one on its way, or -1."""
        owners = np.full(len(self.free), NOBODY)
        owners[singles.pairs.errand] = singles.pairs.runner
        return owners

    def _joins(self, trial: Routes, singles: Priced, own: Ints) -> Priced:
        """Price free errands on the ways of other runners who would go anyway."""
        count = self.count.copy()
        count[singles.pairs.runner] += 1
        going = np.nonzero((count > 0) & (count < self.area.rules.most_bundled))[0]
        errands = np.nonzero(self.free)[0]
        ends = Ends(trial, self.terms, going).near(errands, LOOK_ENDS)
        ways = Ways(trial, self.terms, going).near(errands, LOOK_WAYS)
        pairs = trial.near_pairs(
            np.concatenate([ends.errand, ways.errand]), np.concatenate([ends.runner, ways.runner])
        )
        pairs = pairs.where(own[pairs.errand] != pairs.runner)
        if self.area.rules.one_shop:
            pairs = pairs.where(self._same_shop(pairs, singles))
        pairs = pairs.where(self.area.allowed(pairs) & trial.able(pairs))
        found = insertions(trial, pairs)
        return self.terms.priced(pairs, found)

    def _same_shop(self, pairs: Pairs, singles: Priced) -> Flags:
        """Whether the errand comes from the same origin as all else that the runner is given."""
        shops = self.shops.copy()
        shops[singles.pairs.runner] = self.area.shop[singles.pairs.errand]
        here = self.area.shop[pairs.errand]
        same: Flags = (here != NO_SHOP) & (here == shops[pairs.runner])
        return same

    def _greatest(self, joins: Priced, singles: Priced, own: Ints) -> Ints:
        """Choose the greatest savings first; of one runner only one errand comes or goes."""
        now = np.full(len(self.free), UNMATCHED_COST)
        now[singles.pairs.errand] = singles.cost
        saving = now[joins.pairs.errand] - joins.cost
        order = np.lexsort((joins.pairs.runner, joins.pairs.errand, -saving))
        order = order[saving[order] > WORTH_IT_MIN]
        chosen, moved, busy = [], set[int](), set[int]()
        errands, runners = joins.pairs.errand[order], joins.pairs.runner[order]
        columns = (order, errands, runners, own[errands])
        for row, errand, runner, leaves in zip(*(c.tolist() for c in columns), strict=True):
            if errand not in moved and runner not in busy and leaves not in busy:
                chosen.append(row)
                moved.add(errand)
                busy.update({runner, leaves} - {NOBODY})
        return np.array(chosen, dtype=np.int64)

    def _give(self, more: Priced, trial: Routes) -> None:
        errand, runner = more.pairs.errand, more.pairs.runner
        dropoff = self.area.dropoff[errand]
        self.routes.due[dropoff] = trial.due[dropoff]
        self.routes.give(more.pairs, more.found)
        self.free[errand] = False
        self.shops[runner] = self.area.shop[errand]
        self.count[runner] += 1
        self.given = self.given.and_these(more)

    def finish(self, singles: Priced) -> Priced:
        """Give the rest as it is, and return all that was given, the first of each first."""
        self._give(singles, self.routes)
        return self.given
