"""Places and walking on the ground, as plain arithmetic in metres, minutes and degrees."""

from __future__ import annotations

import math
from typing import NamedTuple

EARTH_RADIUS_M = 6_371_008.8  # IUGG mean radius
WALKING_MPS = 1.2
DETOUR = 1.3  # streets against the great circle; city grids measure 1.2–1.4
SNAP_M = 150.0
AREA_DEGREES = 0.05  # about 5.5 km north–south, 4.4 km east–west at Seoul
METRES_PER_DEGREE = math.radians(1) * EARTH_RADIUS_M


class Point(NamedTuple):
    """A WGS 84 position in degrees."""

    lat: float
    lng: float


class Box(NamedTuple):
    """An area between two parallels and two meridians, in degrees, edges included."""

    south: float
    west: float
    north: float
    east: float

    def holds(self, point: Point) -> bool:
        return self.south <= point.lat <= self.north and self.west <= point.lng <= self.east


SERVICE_BOX = Box(south=33.0, west=124.5, north=38.7, east=131.9)  # the Republic of Korea


def metres_between(a: Point, b: Point) -> float:
    """Return the great-circle distance in metres (haversine formula)."""
    lat_a, lat_b = math.radians(a.lat), math.radians(b.lat)
    half = (
        math.sin((lat_b - lat_a) / 2) ** 2
        + math.cos(lat_a) * math.cos(lat_b) * math.sin(math.radians(b.lng - a.lng) / 2) ** 2
    )
    return 2 * EARTH_RADIUS_M * math.asin(math.sqrt(min(1.0, half)))


def walking_metres(a: Point, b: Point) -> float:
    """Return the metres a person probably walks from ``a`` to ``b``."""
    return metres_between(a, b) * DETOUR


def walking_minutes(a: Point, b: Point) -> float:
    """Return the minutes a person probably walks from ``a`` to ``b``."""
    return walking_metres(a, b) / WALKING_MPS / 60


def snap(point: Point) -> Point:
    """Return the centre of the block of about 150 m that holds ``point``."""
    lat_step = SNAP_M / METRES_PER_DEGREE
    lat = (math.floor(point.lat / lat_step) + 0.5) * lat_step
    # The step of longitude depends on the row alone, so that a block has one centre.
    lng_step = lat_step / math.cos(math.radians(lat))
    lng = (math.floor(point.lng / lng_step) + 0.5) * lng_step
    return Point(round(lat, 6), round(lng, 6))


def area_of(point: Point) -> str:
    """Name the matching area that holds ``point``: ``"751:2540"``, row and column."""
    return f"{_step(point.lat)}:{_step(point.lng)}"


def areas_in(box: Box) -> list[str]:
    """Name the areas that ``box`` touches."""
    rows = range(_step(box.south), _step(box.north) + 1)
    columns = range(_step(box.west), _step(box.east) + 1)
    return [f"{row}:{column}" for row in rows for column in columns]


def _step(degrees: float) -> int:
    return math.floor(degrees / AREA_DEGREES)
