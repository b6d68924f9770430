"""Which reported positions count, how far an errand is offered, what is left to walk."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import pairwise
from typing import NamedTuple
from uuid import UUID

from common.geo import SERVICE_BOX, Point, metres_between, walking_minutes

WORST_ACCURACY_M = 50.0
LEAST_APART_S = 0.5  # phones measure once a second; a trail must not grow faster than time goes
CLOCKS_DIFFER = timedelta(seconds=30)  # a phone's from ours, and still count as one
WORST_CLOCK = timedelta(hours=24)  # one that is further off is not believed
SLOWEST = timedelta(seconds=60)  # a batch may be on its way so long
NO_TIME = timedelta(0)
OLDEST = timedelta(hours=24)
PROMISE_FACTOR = 2
LEAST_PROMISE = timedelta(minutes=60)


class Fix(NamedTuple):
    """One reported position: degrees, metres, m/s, degrees from north, an aware time."""

    lat: float
    lng: float
    accuracy: float
    recorded_at: datetime
    speed: float | None = None
    heading: float | None = None

    @property
    def point(self) -> Point:
        return Point(self.lat, self.lng)


class Sifted(NamedTuple):
    """The positions that count, in order, and how many were refused for which reason."""

    kept: list[Fix]
    refused: dict[str, int]


def clock_behind(
    sent_at: datetime | None, *, now: datetime, known: timedelta = NO_TIME
) -> timedelta:
    """Return how far a phone's clock is behind ours; negative when it is ahead.

    What was sent at ``sent_at`` by that clock came ``now``. Until then it was on its way, which
    looks like a late clock: so what is ``known`` from quicker batches stands, while it can.
    """
    if sent_at is None:
        return NO_TIME
    found = now - sent_at
    return known if NO_TIME <= found - known <= SLOWEST else found


def sift(
    fixes: Sequence[Fix], *, last: Fix | None, now: datetime, max_speed_mps: float,
    behind: timedelta = NO_TIME,
) -> Sifted:  # fmt: skip
    """Keep what a walking person can have reported after ``last``, the last one kept before.

    Times are of a clock that is ``behind`` ours; what is kept has our time.
    """
    kept: list[Fix] = []
    refused: Counter[str] = Counter()
    shift = behind if CLOCKS_DIFFER < abs(behind) <= WORST_CLOCK else NO_TIME
    for told in fixes:
        reason, fix = _fault(told, now - shift), told
        if not reason:
            fix = told._replace(recorded_at=told.recorded_at + shift)
            reason = _contradiction(fix, last, max_speed_mps)
        if reason:
            refused[reason] += 1
        else:
            kept.append(fix)
            last = fix
    return Sifted(kept, dict(refused))


def _fault(fix: Fix, now: datetime) -> str:
    """Say what is wrong with a fix by itself; not-a-number fails every comparison here."""
    if not SERVICE_BOX.holds(fix.point):
        return "outside_service_area"
    if not 0 <= fix.accuracy <= WORST_ACCURACY_M:
        return "inaccurate"
    if fix.recorded_at > now + CLOCKS_DIFFER:
        return "future"
    if fix.recorded_at < now - OLDEST:
        return "too_old"
    return ""


def _contradiction(fix: Fix, last: Fix | None, max_speed_mps: float) -> str:
    """Say how a fix contradicts the last one that was kept."""
    if last is None:
        return ""
    passed_s = (fix.recorded_at - last.recorded_at).total_seconds()
    if passed_s < 0:
        return "out_of_order"
    if passed_s < LEAST_APART_S:
        return "duplicate"
    walked_m = metres_between(last.point, fix.point)
    return "too_fast" if walked_m > max_speed_mps * passed_s else ""


def reach_m(waited_s: float, steps: Sequence[tuple[float, float]]) -> float:
    """Return how many metres away a runner may be; ``steps`` are (seconds waited, metres)."""
    reached = [metres for seconds, metres in steps if waited_s >= seconds]
    return max(reached, default=min(metres for _seconds, metres in steps))


def promised_at(deadline_at: datetime | None, *, accepted_at: datetime, minutes: float) -> datetime:
    """Return by when a carried errand is to be at its last place: its deadline, if it has one.

    Otherwise nobody named a time, but nobody expects to wait for ever: from its acceptance twice
    the ``minutes`` that it takes by itself, and not less than an hour.
    """
    if deadline_at is not None:
        return deadline_at
    return accepted_at + max(PROMISE_FACTOR * timedelta(minutes=minutes), LEAST_PROMISE)


class Stop(NamedTuple):
    """A place that a runner still has to visit for an errand."""

    errand_id: UUID
    point: Point


class Load(NamedTuple):
    """What is left of one carried errand: its places in their promised order."""

    errand_id: UUID
    points: tuple[Point, ...]

    @property
    def stops(self) -> list[Stop]:
        return [Stop(self.errand_id, point) for point in self.points]


def minutes_along(start: Point, stops: Sequence[Stop]) -> float:
    """Return the walking minutes from ``start`` through every stop in turn."""
    points = [start, *(stop.point for stop in stops)]
    return sum(walking_minutes(a, b) for a, b in pairwise(points))


def route(start: Point, loads: Sequence[Load]) -> list[Stop]:
    """Return the order in which to visit all places: each errand, in the order of acceptance,
    where it adds the fewest minutes to the earlier ones."""
    if not loads:
        return []
    stops = loads[0].stops
    for load in loads[1:]:
        stops = min(insertions(stops, load.stops), key=lambda way: minutes_along(start, way))
    return stops


def insertions(stops: list[Stop], new: list[Stop]) -> list[list[Stop]]:
    """List every way to fit ``new`` into ``stops`` that keeps the order within both."""
    if not new:
        return [stops]
    return [
        [*stops[:at], new[0], *rest]
        for at in range(len(stops) + 1)
        for rest in insertions(stops[at:], new[1:])
    ]


def eta_minutes(start: Point, loads: Sequence[Load], errand_id: UUID) -> float | None:
    """Return the walking minutes until the last place of an errand; None when none is left."""
    stops = route(start, loads)
    places = [index for index, stop in enumerate(stops) if stop.errand_id == errand_id]
    return round(minutes_along(start, stops[: places[-1] + 1]), 1) if places else None
