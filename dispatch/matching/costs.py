"""What each errand–runner pair costs, in walking minutes, for all pairs at once."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from dispatch.matching.area import Area
from dispatch.matching.pairs import Insertions, Pairs, among
from dispatch.matching.shapes import Flags, Floats, Ints


class Priced(NamedTuple):
    """Pairs that break no rule, how the errand fits in, and what that costs in minutes."""

    pairs: Pairs
    found: Insertions
    cost: Floats

    @classmethod
    def none(cls) -> Priced:
        return cls(Pairs.none(), Insertions.none(0), np.zeros(0))

    def where(self, keep: Flags | Ints) -> Priced:
        return Priced(self.pairs.where(keep), self.found.where(keep), self.cost[keep])

    def and_these(self, more: Priced) -> Priced:
        return Priced(
            self.pairs.and_these(more.pairs),
            self.found.and_these(more.found),
            np.concatenate([self.cost, more.cost]),
        )


class Terms:
    """What speaks for an errand, for a runner, and against the two together."""

    def __init__(self, area: Area, *, fair: bool = True) -> None:
        rules = area.rules
        waited = np.clip(area.waited / 60, 0, rules.waiting_cap_min)
        idle = np.clip(area.idle / 60, 0, rules.fairness_cap_min)
        self.area = area
        self.waiting: Floats = -rules.waiting_weight * waited
        self.fairness: Floats = -rules.fairness_weight * idle * fair
        self.fairest = float(self.fairness.min())
        self.least = self.waiting + self.fairest  # whoever does it

    def ignored(self, pairs: Pairs) -> Floats:
        """Look the pair up among those that were asked in vain."""
        area, rules = self.area, self.area.rules
        keys = area.keys(pairs)
        known = among(keys, area.ignored_key)
        times = np.zeros(len(pairs))
        times[known] = area.ignored_times[np.searchsorted(area.ignored_key, keys[known])]
        minutes: Floats = rules.ignored_minutes * np.minimum(times, rules.ignored_cap)
        return minutes

    def priced(self, pairs: Pairs, found: Insertions) -> Priced:
        """Add it all up, in minutes, for the pairs that keep every promise."""
        fits = np.isfinite(found.cost)
        pairs, found = pairs.where(fits), found.where(fits)
        terms = self.waiting[pairs.errand] + self.fairness[pairs.runner] + self.ignored(pairs)
        return Priced(pairs, found, found.cost / 60 + terms)
