"""To which area a runner near a border belongs: to that of the nearest errand in reach."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from scipy.spatial import cKDTree

from common.geo import EARTH_RADIUS_M, Point
from dispatch.matching.shapes import Flags, Floats


class Spot(NamedTuple):
    """Where an errand waits, and how many metres away a runner may be."""

    point: Point
    reach_m: float


class Belonging(NamedTuple):
    """For each runner: whether one of our errands has him in reach, and whether he is ours."""

    in_reach: Flags
    ours: Flags


def belonging(runners: Sequence[Point], ours: Sequence[Spot], others: Sequence[Spot]) -> Belonging:
    """Give every runner to the errand nearest to him among those that have him in reach.

    The runs of two areas say the same of him: what a distance is depends on nothing else.
    """
    places = _in_space(runners)
    to_ours, to_others = (_to_nearest(places, spots) for spots in (ours, others))
    in_reach = np.isfinite(to_ours)
    return Belonging(in_reach, in_reach & (to_ours <= to_others))


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


def near_any(spots: Sequence[Spot], places: Sequence[Point]) -> list[bool]:
    """Tell of each spot whether one of ``places`` is in its reach."""
    if not spots or not places:
        return [False] * len(spots)
    metres, _index = cKDTree(_in_space(places)).query(_in_space([spot.point for spot in spots]))
    near = metres <= np.array([spot.reach_m for spot in spots])
    return [bool(each) for each in near]
