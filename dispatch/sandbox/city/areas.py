"""Which people are shown to the run of which area, as in the product."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence

import numpy as np
from scipy.spatial import cKDTree

from common.geo import METRES_PER_DEGREE, REGION, Point, area_of
from dispatch.matching.shapes import Floats
from dispatch.sandbox.city.demand import Errand
from dispatch.sandbox.city.people import Person

# Metres a degree around Seoul; exact enough to say who is near.
FLAT = np.array([METRES_PER_DEGREE, METRES_PER_DEGREE * np.cos(np.radians(37.55))])


def flat(points: Iterable[Point]) -> Floats:
    """Return metres on a flat map of the city."""
    found: Floats = np.array(list(points), dtype=np.float64).reshape(-1, 2) * FLAT
    return found


def by_area(errands: Iterable[Errand]) -> dict[str, list[Errand]]:
    """Errands belong to the area of their pickup."""
    areas = defaultdict[str, list[Errand]](list)
    for errand in errands:
        areas[area_of(errand.pickup, REGION)].append(errand)
    return areas


def shown(
    areas: dict[str, list[Errand]], people: Sequence[Person], now: float, most_reach_m: float
) -> dict[str, list[Person]]:
    """Give everybody to the area of the errand nearest to his way; who is far from all to none."""
    errands = [(errand.pickup, area) for area, these in areas.items() for errand in these]
    ways = [person.way(now) for person in people]
    first = np.cumsum([0, *(len(way) for way in ways)])
    tree = cKDTree(flat(pickup for pickup, _area in errands))
    away, which = tree.query(flat(point for way in ways for point in way))
    found = defaultdict[str, list[Person]](list)
    for number, person in enumerate(people):
        start, end = first[number], first[number + 1]
        nearest = start + int(away[start:end].argmin())
        if away[nearest] <= most_reach_m:
            found[errands[which[nearest]][1]].append(person)
    return found
