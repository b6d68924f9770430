"""Who walks in a day: runners in shifts, and people who pass by anyway."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import NamedTuple
from uuid import UUID

import numpy as np

from common.geo import Point, walking_minutes
from dispatch.matching.shapes import Floats
from dispatch.sandbox.city.demand import Errand, around_stations, busy_seconds, moved
from errands.pricing import DOOR_MINUTES

SHIFT_S = (2 * 3600.0, 7 * 3600.0)
EARLY_S = 3_600.0  # a shift begins before the rush that it is meant for
ACCEPTS = (17.0, 3.0)  # Beta: 85 % of the offers, some nearly all, some two of three
PASSING_M = (800.0, 2_500.0)
RUNNER, PASSER = 1 << 64, 1 << 65  # so that no two people share an id


class Stop(NamedTuple):
    """A place that somebody has to visit: an errand's pickup, later its drop-off."""

    point: Point
    errand: Errand
    is_pickup: bool

    @property
    def service_s(self) -> float:
        if self.is_pickup:
            return self.errand.on_site_s
        return DOOR_MINUTES * 60 if self.errand.dropoff else 0.0


@dataclass(slots=True, eq=False)
class Person:
    """Somebody on foot, on duty from ``on`` to ``off``; seconds from the beginning of the day.

    He is at ``start`` until ``left`` and then on the way to his next place, there at ``arrives``.
    Whoever passes by has a place to be, ``heading``, and is gone when he is there.
    """

    id: UUID
    start: Point
    on: float
    off: float
    accepts: float
    heading: Point | None = None
    asked: float = 0.0
    left: float = 0.0
    arrives: float = 0.0
    stops: deque[Stop] = field(default_factory=deque)
    plans: int = 0  # an arrival that an older plan announced does not count
    walked_min: float = 0.0
    own_way_min: float = 0.0  # what he would have walked without any errand
    earned: int = 0
    completed: int = 0

    def __post_init__(self) -> None:
        self.asked = self.left = self.on
        if self.heading:
            self.own_way_min = walking_minutes(self.start, self.heading)
        self._set_off()

    @property
    def passes_by(self) -> bool:
        return self.own_way_min > 0

    @property
    def next_place(self) -> Point | None:
        return self.stops[0].point if self.stops else self.heading

    @property
    def carried(self) -> int:
        """How many errands he has accepted and not finished."""
        return sum(not stop.is_pickup for stop in self.stops)

    def is_gone(self, now: float) -> bool:
        """Whether his duty is over and nothing is left to do."""
        return now >= self.off and self.next_place is None

    def way(self, now: float) -> list[Point]:
        """Return where he is and all places he will still visit."""
        heading = [] if self.heading is None else [self.heading]
        return [self.position(now), *(stop.point for stop in self.stops), *heading]

    def position(self, now: float) -> Point:
        """Return where he is, on the straight way to his next place."""
        to, done = self.next_place, self._done(now)
        if to is None or not done:
            return self.start
        (lat, lng), (to_lat, to_lng) = self.start, to
        return Point(lat + (to_lat - lat) * done, lng + (to_lng - lng) * done)

    def _done(self, now: float) -> float:
        """Return the share of the way to his next place that is behind him."""
        if now <= self.left or self.arrives <= self.left:
            return 0.0
        return min(1.0, (now - self.left) / (self.arrives - self.left))

    def replan(self, stops: deque[Stop], now: float) -> None:
        """Visit these from where he is now; what he is doing there he does first."""
        here = self.position(now)
        self.walked_min += walking_minutes(self.start, here)
        self.start, self.stops = here, stops
        self.left = max(self.left, now)
        self._set_off()

    def arrive(self) -> Stop | None:
        """Be at the next place, and set off to the one after it; None where he was heading."""
        now, place = self.arrives, self.next_place
        if place is None:
            raise ValueError("nobody arrives who goes nowhere")
        self.walked_min += walking_minutes(self.start, place)
        self.start, self.left = place, now
        if not self.stops:
            self.heading, self.off = None, now
            return None
        stop = self.stops.popleft()
        self.left += stop.service_s
        self._set_off()
        return stop

    def _set_off(self) -> None:
        self.plans += 1
        to = self.next_place
        if to is not None:
            self.arrives = self.left + walking_minutes(self.start, to) * 60


def runners_of_a_day(seed: int, *, count: int, hours: float) -> list[Person]:
    """Draw a day's runners in the order in which they come on duty."""
    rng = np.random.default_rng([seed, 2])
    on = np.maximum(0, busy_seconds(rng, count, hours) - EARLY_S)
    off = on + rng.uniform(*SHIFT_S, count)
    return _people(RUNNER, around_stations(rng, count), on, off, rng.beta(*ACCEPTS, count))


def passers_by(seed: int, *, count: int, hours: float) -> list[Person]:
    """Draw people who walk somewhere anyway and would take something along."""
    rng = np.random.default_rng([seed, 3])
    on = busy_seconds(rng, count, hours)
    starts = around_stations(rng, count)
    goals = moved(starts, rng.uniform(*PASSING_M, count), rng)
    off, accepts = np.full(count, np.inf), rng.beta(*ACCEPTS, count)
    return _people(PASSER, starts, on, off, accepts, goals)


def _people(
    first: int, starts: Floats, on: Floats, off: Floats, accepts: Floats,
    goals: Floats | None = None,
) -> list[Person]:  # fmt: skip
    heading = [None] * len(on) if goals is None else [Point(*goal) for goal in goals.tolist()]
    rows = zip(starts.tolist(), on.tolist(), off.tolist(), accepts.tolist(), heading, strict=True)
    return [
        Person(UUID(int=first + number), Point(*start), *rest)
        for number, (start, *rest) in enumerate(rows)
    ]
