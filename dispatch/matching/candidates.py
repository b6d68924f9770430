"""Whom to look at for each errand, without looking at everybody.

Nearest is not cheapest: a runner under way adds little where both places lie along his way,
and one who had nothing for long comes before a nearer one. So there are two searches, each in
a space in which near means cheap, and each says what nobody it left out can undercut.
"""

from __future__ import annotations

from itertools import chain
from typing import NamedTuple, Protocol

import numpy as np
from scipy.spatial import cKDTree

from dispatch.matching.costs import Terms
from dispatch.matching.routes import Routes, counted
from dispatch.matching.shapes import Floats, Ints

# Longer pieces miss runners who pass by, shorter ones crowd others out of the nearest.
SAMPLE_M = 600.0


class Near(NamedTuple):
    """Errands and runners, one row a pair, and what others cost each errand asked for at least."""

    errand: Ints
    runner: Ints
    least: Floats  # minutes; infinite where there are no others


class Search(Protocol):
    """One way to look for runners."""

    def near(self, errands: Ints, count: int) -> Near:
        """Look at the ``count`` nearest for each of ``errands``."""


class Ends:
    """Who could do the errand after all else: the nearest ends of ways, standing runners' own.

    A runner is looked up as if he stood so high above the ground as others come before him by
    fairness: then no cost is below the straight line to him.
    """

    def __init__(self, routes: Routes, terms: Terms, runners: Ints) -> None:
        self.area, self.terms = routes.area, terms
        self.runners = runners[~routes.area.closed[runners]]
        ends = self.area.flat[routes.places[self.runners, routes.length[self.runners]]]
        height = (terms.fairness[self.runners] - terms.fairest) * 60 / self.area.pace
        self.tree = cKDTree(np.column_stack([ends, height]))

    def near(self, errands: Ints, count: int) -> Near:
        area = self.area
        pickup = area.flat[area.pickup[errands]]
        away, which = _nearest(self.tree, np.column_stack([pickup, np.zeros(len(errands))]), count)
        least = (away[:, -1] * area.pace + area.between[errands]) / 60
        return _near(errands, self.runners[which], least + self.terms.least[errands])


class Ways:
    """Who passes near the pickup and later near the drop-off: pairs of points along one way."""

    def __init__(self, routes: Routes, terms: Terms, runners: Ints) -> None:
        self.area, self.terms = routes.area, terms
        runner, points, self.longest = _points_along(routes, runners)
        first, second = _ordered_pairs(runner)
        self.runners = runner[first]
        self.tree = cKDTree(np.column_stack([points[first], points[second]]))

    def near(self, errands: Ints, count: int) -> Near:
        area = self.area
        flat = np.column_stack([area.flat[area.pickup[errands]], area.flat[area.dropoff[errands]]])
        away, which = _nearest(self.tree, flat, count)
        least = self._detour(away[:, -1]) * area.pace / 60
        return _near(errands, self.runners[which], least + self.terms.least[errands])

    def _detour(self, away: Floats) -> Floats:
        """Return the shortest detour to places whose distance from all points is ``away``.

        One of the two is at least so far from every leg as h² = away²/2 less half a piece, and
        to go from the middle of a leg of length L to such a place makes it √(L² + 4h²) − L longer.
        """
        off = np.sqrt(np.maximum(away**2 - SAMPLE_M**2 / 2, 0) / 2)
        detour: Floats = np.minimum(np.hypot(self.longest, 2 * off) - self.longest, off)
        return detour


def everybody(routes: Routes, errands: Ints) -> tuple[Ints, Ints]:
    """Return each of ``errands`` with all runners whose way comes within its reach, and some."""
    area = routes.area
    runner, points, _longest = _points_along(routes, np.arange(len(routes.length)))
    standing = np.nonzero(routes.length == 0)[0]
    runner = np.concatenate([runner, standing])
    tree = cKDTree(np.concatenate([points, area.flat[area.position[standing]]]))
    around = tree.query_ball_point(
        area.flat[area.pickup[errands]], area.reach[errands] + SAMPLE_M / 2
    )
    counts = [len(each) for each in around]
    found = np.fromiter(chain.from_iterable(around), dtype=np.int64, count=sum(counts))
    return np.repeat(errands, counts), runner[found]


def _nearest(tree: cKDTree, points: Floats, count: int) -> tuple[Floats, Ints]:
    """Return distances and numbers of the nearest; the last is infinite if that is everybody."""
    found = min(count, tree.n)
    if not found:
        return np.full((len(points), 1), np.inf), np.zeros((len(points), 0), dtype=np.int64)
    away, which = tree.query(points, k=np.arange(1, found + 1))
    if found == tree.n:
        away = np.column_stack([away, np.full(len(points), np.inf)])
    return away, which


def _near(errands: Ints, runners: Ints, least: Floats) -> Near:
    return Near(np.repeat(errands, runners.shape[1]), runners.ravel(), least)


def _points_along(routes: Routes, runners: Ints) -> tuple[Ints, Floats, float]:
    """Return those under way, points along their ways in order, and the longest leg."""
    flat = routes.area.flat
    runner, column = routes.steps(runners)
    start = flat[routes.places[runner, column]]
    along = flat[routes.places[runner, column + 1]] - start
    metres = np.hypot(along[:, 0], along[:, 1])
    pieces = np.maximum(np.ceil(metres / SAMPLE_M), 1).astype(np.int64)
    leg = np.repeat(np.arange(len(pieces)), pieces + 1)
    share = counted(pieces + 1) / pieces[leg]
    return runner[leg], start[leg] + share[:, None] * along[leg], float(metres.max(initial=0.0))


def _ordered_pairs(owner: Ints) -> tuple[Ints, Ints]:
    """Pair each row with itself and the later ones of its owner, whose rows stand together."""
    rows = np.arange(len(owner))
    later = np.searchsorted(owner, owner, side="right") - rows
    first = np.repeat(rows, later)
    return first, first + counted(later)
