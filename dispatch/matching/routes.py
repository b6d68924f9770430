"""The ways of all runners, and when they are where."""

from __future__ import annotations

from collections.abc import Iterator
from copy import copy
from typing import NamedTuple

import numpy as np

from dispatch.matching.area import NO_SHOP, Area
from dispatch.matching.pairs import Insertions, Pairs
from dispatch.matching.shapes import Flags, Floats, Ints

LATE_S = 1e-6  # what rounding may make of a time that is kept exactly


class Schedule(NamedTuple):
    """Equally long routes; column 0 is where a runner starts. Seconds from now."""

    places: Ints
    legs: Floats  # from each place to the next
    arrive: Floats
    leave: Floats
    ready: Floats
    service: Floats
    slack: Floats  # how much later he may arrive there and still keep every promise from there on

    def of(self, rows: Ints) -> Schedule:
        return Schedule(
            self.places[rows], self.legs[rows], self.arrive[rows], self.leave[rows],
            self.ready[rows], self.service[rows], self.slack[rows],
        )  # fmt: skip


class Routes:
    """For each runner the numbers of the places he will visit, first the one where he is,
    and what he can still take: as it is now, and then with what the run gives him."""

    def __init__(self, area: Area) -> None:
        self.area = area
        stops = np.array([len(r.stops) for r in area.runners])
        self.length: Ints = stops + area.closed
        room = 1 + int(self.length.max()) + 2 * area.rules.most_bundled
        self.places: Ints = np.full((len(stops), room), -1)
        self.places[:, 0] = area.position
        first = int(area.position[-1]) + 1
        row = np.repeat(np.arange(len(stops)), stops)
        self.places[row, counted(stops) + 1] = first + np.arange(len(row))
        heading = np.nonzero(area.closed)[0]
        self.places[heading, self.length[heading]] = first + len(row) + np.arange(len(heading))
        self.legs = np.zeros(self.places.shape)  # seconds from each place to the next
        self._walk(np.arange(len(stops)))
        self.due = area.place_due.copy()
        self.budget = self._budget(heading)
        self.kg_left, self.bags_left = area.kg_left.copy(), area.bags_left.copy()
        self.hands = area.rules.most_carried - area.carried

    def _walk(self, runners: Ints) -> None:
        """Look up how long the legs of these are."""
        runner, column = self.steps(runners)
        start, end = self.places[runner, column], self.places[runner, column + 1]
        self.legs[runner, column] = self.area.seconds(start, end)

    def _budget(self, heading: Ints) -> Floats:
        """Return how many more seconds each may walk: no end but in a corridor."""
        budget = np.full(len(self.length), np.inf)
        destination = self.places[heading, self.length[heading]]
        direct = self.area.seconds(self.area.position[heading], destination)
        left = direct + self.area.most_added[heading] - self.legs[heading].sum(axis=1)
        budget[heading] = np.maximum(left, 0)
        return budget

    def able(self, pairs: Pairs) -> Flags:
        """Weight, bags and hands: what the runner can still take on."""
        able: Flags = (
            (self.area.kg[pairs.errand] <= self.kg_left[pairs.runner])
            & (self.area.bags[pairs.errand] <= self.bags_left[pairs.runner])
            & (self.hands[pairs.runner] > 0)
        )
        return able

    def copy(self) -> Routes:
        twin = copy(self)
        for name in ("places", "legs", "length", "due", "budget", "kg_left", "bags_left", "hands"):
            setattr(twin, name, getattr(self, name).copy())
        return twin

    def steps(self, runners: Ints) -> tuple[Ints, Ints]:
        """Return the runner and the column where each leg starts, way by way."""
        return np.repeat(runners, self.length[runners]), counted(self.length[runners])

    def near_pairs(self, errand: Ints, runner: Ints) -> Pairs:
        """Return those whose way comes within reach, each once and in order."""
        count = len(self.length)
        keys = np.sort(errand * count + runner)
        errand, runner = np.divmod(keys[np.diff(keys, prepend=-1) > 0], count)
        pairs = Pairs(errand, runner, self._metres(errand, runner))
        return pairs.where(pairs.metres <= self.area.reach[errand])

    def _metres(self, errand: Ints, runner: Ints) -> Floats:
        """Return how far pickups are from the nearest leg of runners' ways."""
        flat = self.area.flat
        metres = np.empty(len(errand))
        for rows, length, _closed in self.alike(runner):
            way = flat[self.places[runner[rows], : length + 1]]
            to = flat[self.area.pickup[errand[rows]]][:, None, :] - way
            if length:
                to = _off(to[:, :-1], np.diff(way, axis=1))
            metres[rows] = np.sqrt(np.einsum("ijk,ijk->ij", to, to).min(axis=1))
        return metres

    def alike(self, runners: Ints) -> Iterator[tuple[Ints, int, bool]]:
        """Group rows of ``runners`` by length and end: rows, stops, whether the end is fixed."""
        kinds = 2 * self.length[runners] + self.area.closed[runners]
        for kind in np.unique(kinds).tolist():
            yield np.nonzero(kinds == kind)[0], kind // 2, bool(kind % 2)

    def schedule(self, runners: Ints, length: int) -> Schedule:
        """Say when each of ``runners``, who all have ``length`` stops, is where."""
        area, places = self.area, self.places[runners, : length + 1]
        legs = self.legs[runners, :length]
        due, ready = self.due[places], area.place_ready[places]
        service = np.zeros(places.shape)
        service[:, 1:] = self.service(places[:, :-1], places[:, 1:])
        arrive = np.repeat(area.start[runners][:, None], length + 1, axis=1)
        leave = arrive.copy()
        for at in range(1, length + 1):
            arrive[:, at] = leave[:, at - 1] + legs[:, at - 1]
            leave[:, at] = np.maximum(arrive[:, at], ready[:, at]) + service[:, at]
        slack = np.maximum(due - arrive, 0)
        for at in range(length - 1, -1, -1):
            waits = np.maximum(ready[:, at] - arrive[:, at], 0)
            slack[:, at] = np.minimum(slack[:, at], waits + slack[:, at + 1])
        return Schedule(places, legs, arrive, leave, ready, service, slack)

    def service(self, before: Ints, at: Ints) -> Floats:
        """Return the seconds spent at places: nothing where the same shop was just visited."""
        spent: Floats = np.where(self.together(before, at), 0.0, self.area.place_service[at])
        return spent

    def together(self, before: Ints, at: Ints) -> Flags:
        """Whether one stop collects at both."""
        shop = self.area.shop
        one: Flags = (shop[at] != NO_SHOP) & (shop[at] == shop[before])
        return one

    def give(self, pairs: Pairs, found: Insertions) -> None:
        """Give each of these different runners his errand, at its cheapest place on his way."""
        area, errand, runner = self.area, pairs.errand, pairs.runner
        self._insert(runner, area.dropoff[errand], found.dropoff + 1)
        self._insert(runner, area.pickup[errand], found.pickup + 1)
        self.due[area.pickup[errand]] = area.until[runner]
        self._walk(runner)
        self.budget[runner] -= found.added
        self.kg_left[runner] -= area.kg[errand]
        self.bags_left[runner] -= area.bags[errand]
        self.hands[runner] -= 1

    def _insert(self, runners: Ints, places: Ints, at: Ints) -> None:
        """Put one place into each of these routes, as column ``at``."""
        columns = np.arange(self.places.shape[1])
        source = columns - (columns > at[:, None])
        self.places[runners] = np.take_along_axis(self.places[runners], source, axis=1)
        self.places[runners, at] = places
        self.length[runners] += 1


def _off(to: Floats, along: Floats) -> Floats:
    """Return the ways from legs to places, given those from their starts."""
    square = np.einsum("ijk,ijk->ij", along, along)
    share = np.einsum("ijk,ijk->ij", to, along) / np.maximum(square, 1e-9)
    off: Floats = to - np.clip(share, 0, 1)[..., None] * along
    return off


def counted(lengths: Ints) -> Ints:
    """Count from 0 within each run of so many: 3, 2 gives 0 1 2 0 1."""
    numbers: Ints = np.arange(lengths.sum()) - np.repeat(np.cumsum(lengths) - lengths, lengths)
    return numbers
