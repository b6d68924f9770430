"""The inputs of a matching run as arrays, and the rules that no cost can buy off."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import chain
from operator import attrgetter
from typing import TypeVar
from uuid import UUID

import numpy as np

from common.geo import DETOUR, WALKING_MPS, Point
from dispatch.matching.pairs import Pairs, among
from dispatch.matching.shapes import NEVER, Flags, Floats, Free, Ints, Rules, Step, Wanted
from dispatch.matching.walk import Walk

NO_SHOP = -1
OF_A_RUNNER = attrgetter("kg_left", "bags_left", "carried", "idle_s", "from_s", "until_s")
LEAST_WALK_M = 100.0  # what is shorter says nothing about the pace

Row = TypeVar("Row", Wanted, Free)


def _degrees(*places: Sequence[Point]) -> Floats:
    """Put the places of several lists below each other."""
    numbers = chain.from_iterable(chain.from_iterable(places))
    degrees: Floats = np.fromiter(numbers, np.float64).reshape(-1, 2)
    return degrees


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

    def steps(self, places: Ints) -> list[Step]:
        """Name places on somebody's way: of which errand of this run, if of any."""
        ids: list[UUID | None] = [errand.id for errand in self.errands]
        whose = [*ids, *ids, None]
        points = map(Point._make, self.degrees[places].tolist())
        numbers = np.minimum(places, self.firsts).tolist()
        return [Step(whose[number], point) for number, point in zip(numbers, points, strict=True)]

    # --- reading ---------------------------------------------------------------------------
    def _read_errands(self) -> None:
        rows = [(e.waited_s, e.reach_m, e.weight_kg, e.bags) for e in self.errands]
        self.waited, self.reach, self.kg, self.bags = np.array(rows, dtype=np.float64).T
        self.pickup = np.arange(len(self.errands))
        self.dropoff = self.pickup + len(self.errands)
        self.firsts = 2 * len(self.errands)  # so many places are the errands' own

    def _read_runners(self) -> None:
        columns = np.array(list(map(OF_A_RUNNER, self.runners)), dtype=np.float64).T
        self.kg_left, self.bags_left, self.carried, self.idle, self.start, self.until = columns
        corridors = [r.corridor for r in self.runners]
        self.closed = np.array([corridor is not None for corridor in corridors])
        self.most_added = np.full(len(corridors), NEVER)
        self.most_added[self.closed] = [c.most_added_s for c in corridors if c]
        self.position = self.firsts + np.arange(len(self.runners))

    def _read_places(self) -> None:
        """Where a place is, until when it must be reached, from when on there is something to be
        had, how long it takes there, and which shop it is."""
        errands, runners = self.errands, self.runners
        stops = [stop for r in runners for stop in r.stops]
        ends = [r.corridor for r in runners if r.corridor]
        self.degrees = _degrees(
            [e.pickup for e in errands], [e.dropoff or e.pickup for e in errands],
            [r.position for r in runners], [s.point for s in stops], [c.destination for c in ends],
        )  # fmt: skip
        self.flat = self.walk.flat(self.degrees)
        count, first = len(self.degrees), self.firsts + len(runners)
        pickups, dropoffs = slice(0, len(errands)), slice(len(errands), self.firsts)
        visits, last = slice(first, first + len(stops)), slice(first + len(stops), None)
        self.place_due, self.shop = np.full(count, NEVER), np.full(count, NO_SHOP)
        self.place_ready, self.place_service = np.zeros(count), np.zeros(count)
        self.place_due[dropoffs] = [e.due_s for e in errands]
        self.place_due[visits] = [s.due_s for s in stops]
        self.place_due[last] = [c.until_s for c in ends]
        self.place_ready[pickups] = [e.ready_s for e in errands]
        self.place_ready[visits] = [s.ready_s for s in stops]
        self.place_service[pickups] = [e.pickup_service_s for e in errands]
        self.place_service[dropoffs] = [e.dropoff_service_s for e in errands]
        self.place_service[visits] = [s.service_s for s in stops]
        shops: dict[object, int] = {None: NO_SHOP}
        self.shop[pickups] = [shops.setdefault(e.origin, len(shops)) for e in errands]

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
        named = {
            person for e in self.errands for person in (e.requester_id, *e.excluded, *e.ignored)
        }
        rows = {r.id: row for row, r in enumerate(self.runners) if r.id in named}
        count = len(self.runners)
        barred = [
            row * count + rows[person]
            for row, errand in enumerate(self.errands)
            for person in (*errand.excluded, errand.requester_id)
            if person in rows
        ]
        self.barred = np.array(sorted(barred), dtype=np.int64)
        ignored = sorted(
            (row * count + rows[person], times)
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
