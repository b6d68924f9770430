"""The inputs of a matching run as arrays, and the rules that no cost can buy off."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from uuid import UUID

import numpy as np
from scipy.spatial import cKDTree

from common.geo import Point
from dispatch.matching.shapes import Flags, Floats, Free, Ints, Pairs, Wanted
from dispatch.matching.walk import Walk

UNDER_WAY_FACTOR = 4


def coordinates(points: Iterable[Point]) -> Floats:
    """Return points as an array of latitudes and longitudes."""
    return np.array(list(points), dtype=np.float64).reshape(-1, 2)


def metres(a: Floats, b: Floats) -> Floats:
    """Return the straight distances between flat points, one for one."""
    difference = a - b
    lengths: Floats = np.sqrt(np.einsum("...i,...i->...", difference, difference))
    return lengths


class Area:
    """Errands and runners with their places as arrays; neither list is empty."""

    def __init__(self, errands: Sequence[Wanted], runners: Sequence[Free], walk: Walk) -> None:
        self.errands = errands
        self.runners = runners
        self.pickups = coordinates(e.pickup for e in errands)
        self.dropoffs = coordinates(e.dropoff or e.pickup for e in errands)
        self.positions = coordinates(r.position for r in runners)
        flat = walk.flat(np.concatenate([self.pickups, self.positions]))
        self.flat_pickups, self.flat_positions = flat[: len(errands)], flat[len(errands) :]
        self.reach = np.array([e.reach_m for e in errands], dtype=np.float64)

    @property
    def shape(self) -> tuple[int, int]:
        return len(self.errands), len(self.runners)

    def all_pairs(self) -> Pairs:
        """Every pair within reach."""
        distance = metres(self.flat_pickups[:, None, :], self.flat_positions[None, :, :])
        errand, runner = np.nonzero(distance <= self.reach[:, None])
        return Pairs(errand, runner, distance[errand, runner])

    def near_pairs(self, neighbours: int) -> tuple[Pairs, bool]:
        """For each errand its nearest runners in reach, and whether any were left out.

        A runner under way may pass by an errand's places although others stand closer, so
        more of those are looked at.
        """
        under_way = np.array([bool(r.stops) for r in self.runners])
        halves = [
            self._nearest(np.nonzero(~under_way)[0], neighbours),
            self._nearest(np.nonzero(under_way)[0], neighbours * UNDER_WAY_FACTOR),
        ]
        columns = (np.concatenate(column) for column in zip(*(h[0] for h in halves), strict=True))
        return Pairs(*columns), any(cut for _columns, cut in halves)

    def _nearest(self, some: Ints, neighbours: int) -> tuple[tuple[Ints, Ints, Floats], bool]:
        count = min(neighbours, len(some))
        if not count:
            return (some, some, np.zeros(0)), False
        distance, index = cKDTree(self.flat_positions[some]).query(
            self.flat_pickups,
            k=list(range(1, count + 1)),
            distance_upper_bound=float(self.reach.max()) + 1,
        )
        inside = distance <= self.reach[:, None]
        cut = count < len(some) and bool(inside[:, -1].any())
        return (np.nonzero(inside)[0], some[index[inside]], distance[inside]), cut

    def keys(self, pairs: Pairs) -> Ints:
        """Number each pair."""
        numbers: Ints = pairs.errand * len(self.runners) + pairs.runner
        return numbers

    def named(self, people: Iterable[Iterable[UUID]]) -> Iterator[tuple[int, UUID, int]]:
        """For people named by each errand in turn: its row, the person, the pair's number."""
        index = {r.id: at for at, r in enumerate(self.runners)}
        for row, named in enumerate(people):
            for person in named:
                if person in index:
                    yield row, person, row * len(self.runners) + index[person]

    def allowed(self, pairs: Pairs) -> Flags:
        """Kinds the runner may do, and nobody who declined, dropped or asked it himself."""
        kinds = {kind: 1 << bit for bit, kind in enumerate(sorted({e.kind for e in self.errands}))}
        asked = np.array([kinds[e.kind] for e in self.errands])
        may = np.array([sum(kinds.get(kind, 0) for kind in r.kinds) for r in self.runners])
        barred = self.named(e.excluded | {e.requester_id} for e in self.errands)
        never = np.array([key for _row, _person, key in barred], dtype=np.int64)
        allowed: Flags = (asked[pairs.errand] & may[pairs.runner]) > 0
        return allowed & ~np.isin(self.keys(pairs), never)

    def able(self, pairs: Pairs, most_carried: int) -> Flags:
        """Weight, bags and hands: what the runner can still take on."""
        kg = np.array([e.weight_kg for e in self.errands])[pairs.errand]
        bags = np.array([e.bags for e in self.errands])[pairs.errand]
        kg_left = np.array([r.kg_left for r in self.runners])[pairs.runner]
        bags_left = np.array([r.bags_left for r in self.runners])[pairs.runner]
        carried = np.array([r.carried for r in self.runners])[pairs.runner]
        able: Flags = (kg <= kg_left) & (bags <= bags_left) & (carried < most_carried)
        return able
