"""The inputs of a matching run as arrays, and the rules that no cost can buy off."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cached_property
from operator import attrgetter
from typing import TypeVar

import numpy as np

from common.geo import DETOUR, WALKING_MPS, Point
from dispatch.matching.pairs import Pairs, among
from dispatch.matching.shapes import NEVER, Flags, Floats, Free, Ints, Rules, Step, Wanted
from dispatch.matching.walk import Walk

NO_SHOP = -1
LEAST_WALK_M = 100.0  # what is shorter says nothing about the pace

Row = TypeVar("Row", Wanted, Free)


def _in_order(rows: Iterable[Row]) -> list[Row]:
    """The same whatever order they came in, so that a run can be repeated."""
    return sorted(rows, key=attrgetter("id.int"))


class Area:
    """Errands and runners as columns; neither list is empty.

    Every place of the run has a number: first the pickups, then the drop-offs, the positions,
    and the stops and destinations of the runners.
    """

    def __init__(
        self, errands: Iterable[Wanted], runners: Iterable[Free], walk: Walk, rules: Rules
    ) -> None:
        self.errands = _in_order(errands)
        self.runners = _in_order(runners)
        self.walk = walk
        self.rules = rules
        self._read_errands()
        self._read_runners()
        self._read_places()
        self._read_people()
        self.between = self.seconds(self.pickup, self.dropoff)
        self.pace = self._pace()

    @property
    def shape(self) -> tuple[int, int]:
        return len(self.errands), len(self.runners)

    def seconds(self, start: Ints, end: Ints) -> Floats:
        """Return how long it is from place to place, by their numbers."""
        return self.walk.seconds(self.degrees[start], self.degrees[end])

    def step(self, place: int) -> Step:
        """Name a place on somebody's way: of which errand of this run, if of any."""
        errand = self.errands[place % len(self.errands)].id if place < self.firsts else None
        return Step(errand, self.points[place])

    @cached_property
    def points(self) -> list[Point]:
        """The places as they came in."""
        return [Point(lat, lng) for lat, lng in self.degrees.tolist()]

    # --- reading ---------------------------------------------------------------------------
    def _read_errands(self) -> None:
        rows = [(e.waited_s, e.reach_m, e.weight_kg, e.bags) for e in self.errands]
        self.waited, self.reach, self.kg, self.bags = np.array(rows, dtype=np.float64).T
        self.pickup = np.arange(len(self.errands))
        self.dropoff = self.pickup + len(self.errands)
        self.firsts = 2 * len(self.errands)  # so many places are the errands' own

    def _read_runners(self) -> None:
        rows = [
            (
                r.kg_left, r.bags_left, r.carried, r.idle_s, r.from_s, r.until_s,
                r.corridor.most_added_s if r.corridor else NEVER,
            )
            for r in self.runners
        ]  # fmt: skip
        columns = np.array(rows, dtype=np.float64).T
        self.kg_left, self.bags_left, self.carried, self.idle, self.start = columns[:5]
        self.until, self.most_added = columns[5:]
        self.closed = np.array([r.corridor is not None for r in self.runners])
        self.position = self.firsts + np.arange(len(self.runners))

    def _read_places(self) -> None:
        shops: dict[object, int] = {None: NO_SHOP}
        rows: list[tuple[float, ...]] = [
            (
                *e.pickup,
                NEVER,
                e.ready_s,
                e.pickup_service_s,
                shops.setdefault(e.origin, len(shops)),
            )
            for e in self.errands
        ]
        rows += (
            (*(e.dropoff or e.pickup), e.due_s, 0.0, e.dropoff_service_s, NO_SHOP)
            for e in self.errands
        )
        rows += ((*r.position, NEVER, 0.0, 0.0, NO_SHOP) for r in self.runners)
        rows += (
            (*s.point, s.due_s, s.ready_s, s.service_s, NO_SHOP)
            for r in self.runners
            for s in r.stops
        )
        rows += (
            (*r.corridor.destination, r.corridor.until_s, 0.0, 0.0, NO_SHOP)
            for r in self.runners
            if r.corridor
        )
        table = np.array(rows, dtype=np.float64)
        self.degrees = np.ascontiguousarray(table[:, :2])
        self.flat = self.walk.flat(self.degrees)
        self.place_due, self.place_ready, self.place_service, self.shop = table[:, 2:].T

    def _pace(self) -> float:
        """Return the fewest seconds that a metre of the flat map takes here."""
        metres = np.linalg.norm(self.flat[self.pickup] - self.flat[self.dropoff], axis=1)
        far = metres > LEAST_WALK_M
        return float(np.min(self.between[far] / metres[far], initial=DETOUR / WALKING_MPS))

    def _read_people(self) -> None:
        """Kinds as bits, and the pairs that are barred or were asked in vain."""
        bits = {kind: 1 << bit for bit, kind in enumerate(sorted({e.kind for e in self.errands}))}
        sets = {r.kinds for r in self.runners}
        masks = {each: sum(bits.get(kind, 0) for kind in each) for each in sets}
        self.kind = np.array([bits[e.kind] for e in self.errands])
        self.kinds = np.array([masks[r.kinds] for r in self.runners])
        rows = {r.id: row for row, r in enumerate(self.runners)}
        barred = [
            row * len(rows) + rows[person]
            for row, errand in enumerate(self.errands)
            for person in (*errand.excluded, errand.requester_id)
            if person in rows
        ]
        self.barred = np.array(sorted(barred), dtype=np.int64)
        ignored = sorted(
            (row * len(rows) + rows[person], times)
            for row, errand in enumerate(self.errands)
            for person, times in errand.ignored.items()
            if person in rows
        )
        self.ignored_key, self.ignored_times = np.array(ignored, dtype=np.int64).reshape(-1, 2).T

    # --- rules -----------------------------------------------------------------------------
    def keys(self, pairs: Pairs) -> Ints:
        """Number each pair."""
        numbers: Ints = pairs.errand * len(self.runners) + pairs.runner
        return numbers

    def allowed(self, pairs: Pairs) -> Flags:
        """Kinds the runner may do, and nobody who declined, dropped or asked it himself."""
        may: Flags = (self.kind[pairs.errand] & self.kinds[pairs.runner]) > 0
        return may & ~among(self.keys(pairs), self.barred)
