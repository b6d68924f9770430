"""To which area a runner near a border belongs: to that of the errand nearest to his way."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import chain, pairwise
from typing import NamedTuple

import numpy as np
from scipy.spatial import cKDTree

from common.geo import EARTH_RADIUS_M, Point, metres_between
from dispatch.matching.shapes import Flags, Floats

STEP_M = 250.0  # a way is looked at so often

Way = Sequence[Point]


class Spot(NamedTuple):
    """Where an errand waits, and how many metres away a runner may be."""

    point: Point
    reach_m: float


class Belonging(NamedTuple):
    """For each runner: whether one of our errands has him in reach, and whether he is ours."""

    in_reach: Flags
    ours: Flags


def belonging(ways: Sequence[Way], ours: Sequence[Spot], others: Sequence[Spot]) -> Belonging:
    """Give every runner to the errand nearest to his way, among those that have it in reach.

    The runs of two areas say the same of him: what a distance is depends on nothing else. Whom
    nobody has in reach is anybody's. There is at least one way, and none is empty.
    """
    starts = np.cumsum([0, *(len(way) for way in ways)])[:-1]
    places = _in_space(list(chain.from_iterable(ways)))
    to_ours, to_others = (
        np.minimum.reduceat(_to_nearest(places, spots), starts) for spots in (ours, others)
    )
    return Belonging(np.isfinite(to_ours), to_ours <= to_others)


def in_reach(places: Sequence[Point], spots: Sequence[Spot]) -> Flags:
    """Tell of each place whether one of ``spots`` has it in reach."""
    reached: Flags = np.isfinite(_to_nearest(_in_space(places), spots))
    return reached


def reached(spots: Sequence[Spot], places: Sequence[Point]) -> list[bool]:
    """Tell of each spot whether it has one of ``places`` in reach."""
    if not spots or not places:
        return [False] * len(spots)
    metres, _index = cKDTree(_in_space(places)).query(_in_space([spot.point for spot in spots]))
    return [bool(each) for each in metres <= np.array([spot.reach_m for spot in spots])]


def along(stops: Sequence[Point]) -> list[Point]:
    """Return the places in between too, every 250 m or less."""
    return [*chain.from_iterable(_between(a, b) for a, b in pairwise(stops)), *stops[-1:]]


def _between(a: Point, b: Point) -> Iterator[Point]:
    parts = int(metres_between(a, b) // STEP_M) + 1
    for part in range(parts):
        share = part / parts
        yield Point(a.lat + (b.lat - a.lat) * share, a.lng + (b.lng - a.lng) * share)


def _to_nearest(places: Floats, spots: Sequence[Spot]) -> Floats:
    """Return the metres to the nearest spot in reach, infinite where there is none."""
    nearest = np.full(len(places), np.inf)
    points = _in_space([spot.point for spot in spots])
    reaches = np.array([spot.reach_m for spot in spots])
    for reach in np.unique(reaches).tolist():
        tree = cKDTree(points[reaches == reach])
        # The bound itself is left out of what is found.
        metres, _index = tree.query(places, distance_upper_bound=np.nextafter(reach, np.inf))
        nearest = np.minimum(nearest, metres)
    return nearest


def _in_space(points: Sequence[Point]) -> Floats:
    """Return metres from the middle of the earth; over 3 km a chord is 0.03 mm short of the arc."""
    lat, lng = np.radians(np.array(points, dtype=np.float64).reshape(-1, 2)).T
    unit = np.column_stack([np.cos(lat) * np.cos(lng), np.cos(lat) * np.sin(lng), np.sin(lat)])
    places: Floats = EARTH_RADIUS_M * unit
    return places
