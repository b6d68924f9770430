"""The cheapest place for an errand in a runner's way, for all pairs at once."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from dispatch.matching.pairs import Insertions, Pairs, numbered
from dispatch.matching.routes import LATE_S, Routes
from dispatch.matching.shapes import Flags, Floats, Ints


def insertions(routes: Routes, pairs: Pairs) -> Insertions:
    """Find the cheapest insertion of each pair, runners with equally many stops in one go."""
    found = Insertions.none(len(pairs))
    if not len(pairs):
        return found
    groups = list(routes.alike(pairs.runner))
    # Asked all at once: a router over the network is slow each time.
    asked = [_asked(routes, pairs.where(rows), length) for rows, length, _closed in groups]
    start, end = (np.concatenate(column) for column in zip(*asked, strict=True))
    seconds = np.split(routes.area.seconds(start, end), np.cumsum([len(s) for s, _end in asked]))
    for (rows, length, closed), answer in zip(groups, seconds[:-1], strict=True):
        search = _Search(routes, pairs.where(rows), length, answer)
        found.put(rows, search.best(length - closed))
    return found


def _asked(routes: Routes, pairs: Pairs, length: int) -> tuple[Ints, Ints]:
    """Return the walks to know: to the pickup from each place of the way, and to the drop-off
    from each but the first, where nothing has been collected yet."""
    area, places = routes.area, routes.places[pairs.runner, : length + 1]
    start = np.concatenate([places.ravel(), places[:, 1:].ravel()])
    pickup = np.repeat(area.pickup[pairs.errand], length + 1)
    return start, np.concatenate([pickup, np.repeat(area.dropoff[pairs.errand], length)])


class _Search:
    """Tries every place for the pickup and a later one for the drop-off."""

    def __init__(self, routes: Routes, pairs: Pairs, length: int, seconds: Floats) -> None:
        area = routes.area
        people, which = numbered(pairs.runner, len(area.runners))
        self.way = routes.schedule(people, length).of(which)
        self.routes, self.stops, self.weight = routes, length, area.rules.arrival_weight
        self.pickup, self.dropoff = area.pickup[pairs.errand], area.dropoff[pairs.errand]
        known = len(pairs) * (length + 1)
        self.to_pickup = seconds[:known].reshape(len(pairs), length + 1)
        self.after_first = seconds[known:].reshape(len(pairs), length)  # to the drop-off
        self.between = area.between[pairs.errand]
        self.until, self.budget = area.until[pairs.runner], routes.budget[pairs.runner]
        self.awaited = self.way.places >= len(area.errands)  # all but pickups of this run
        self.ready, self.due = area.place_ready[self.pickup], routes.due[self.dropoff]
        self.found = Insertions.none(len(pairs))

    def best(self, last: int) -> Insertions:
        """Look at all insertions after at most ``last`` stops."""
        for at in range(last + 1):
            self._pick_up(at, last)
        return self.found

    def _pick_up(self, at: int, last: int) -> None:
        """Pick up after ``at`` stops, and drop off at once or after some more."""
        way = self.way
        begin = np.maximum(way.leave[:, at] + self.to_pickup[:, at], self.ready)
        fine = (begin <= self.until + LATE_S) & self._may_part(at, self.pickup)
        leave = begin + self.routes.service(way.places[:, at], self.pickup)
        added = self.to_pickup[:, at]
        later = np.zeros(len(added))
        self._drop_off(at, at, _Walked(leave + self.between, added + self.between, later, fine))
        if at == last:
            return
        added = added + self.to_pickup[:, at + 1] - way.legs[:, at]
        arrive = leave + self.to_pickup[:, at + 1]
        for then in range(at + 1, last + 1):
            fine = fine & self._kept(then, arrive)
            later = later + self._later(then, arrive)
            leave = np.maximum(arrive, way.ready[:, then]) + way.service[:, then]
            to = self.after_first[:, then - 1]
            parted = fine & self._may_part(then, self.dropoff)
            self._drop_off(at, then, _Walked(leave + to, added + to, later, parted))
            if then < last:
                arrive = leave + way.legs[:, then]

    def _drop_off(self, at: int, then: int, so_far: _Walked) -> None:
        """Drop off after ``then`` stops; what follows must bear the delay."""
        arrive, added, later, fine = so_far
        fine = fine & (arrive <= self.due + LATE_S)
        if then < self.stops:
            back = self.after_first[:, then]
            added = added + back - self.way.legs[:, then]
            leave = arrive + self.routes.area.place_service[self.dropoff]
            fine = fine & self._kept(then + 1, leave + back) & (added <= self.budget + LATE_S)
            if self.weight:
                later = later + self._all_later(then + 1, leave + back)
        cost = np.where(fine, added + self.weight * (arrive + later), np.inf)
        rows = np.nonzero(cost < self.found.cost)[0]
        places = (np.full(len(rows), place) for place in (at, then))
        self.found.put(rows, Insertions(cost[rows], added[rows], arrive[rows], *places))

    def _later(self, at: int, arrive: Floats) -> Floats:
        """How much later somebody waiting at this stop is reached."""
        later: Floats = np.where(self.awaited[:, at], arrive - self.way.arrive[:, at], 0)
        return later

    def _all_later(self, at: int, arrive: Floats) -> Floats:
        """The same for this stop and all after it, together."""
        way, later = self.way, self._later(at, arrive)
        for then in range(at, self.stops):
            leave = np.maximum(arrive, way.ready[:, then]) + way.service[:, then]
            arrive = leave + way.legs[:, then]
            later = later + self._later(then + 1, arrive)
        return later

    def _kept(self, at: int, arrive: Floats) -> Flags:
        """Whether every promise from there on is kept by who arrives so late."""
        kept: Flags = arrive - self.way.arrive[:, at] <= self.way.slack[:, at] + LATE_S
        return kept

    def _may_part(self, at: int, place: Ints) -> Flags | bool:
        """Two collections in one stop stay one: only the same shop may come in between."""
        if at == self.stops:
            return True
        shop, after = self.routes.area.shop, self.way.places[:, at + 1]
        one_stop = self.routes.together(self.way.places[:, at], after)
        may: Flags = ~one_stop | (shop[place] == shop[after])
        return may


class _Walked(NamedTuple):
    """Until the new drop-off: when he is there, what was added, how much later all before it
    are reached, and which rows are allowed."""

    arrive: Floats
    added: Floats
    later: Floats
    fine: Flags
