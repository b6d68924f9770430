"""Places and walking on the ground, as plain arithmetic in metres, minutes and degrees."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import NamedTuple

import h3

EARTH_RADIUS_M = 6_371_008.8  # IUGG mean radius
WALKING_MPS = 1.2
DETOUR = 1.3  # streets against the great circle; city grids measure 1.2–1.4
SNAP_M = 150.0
# Areas are H3 cells; in Korea one of resolution 8, 7, 6 has 0.5, 3.6, 25 km².
AREA, REGION = 8, 6
CELL_M = 531.4  # the average edge of a cell of `AREA`; those of Korea are shorter
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


def box_around(points: Iterable[Point], margin_m: float) -> Box:
    """Return the box that holds ``points`` with ``margin_m`` metres or a little more around."""
    lats, lngs = zip(*points, strict=True)
    high = margin_m / METRES_PER_DEGREE
    south, north = min(lats) - high, max(lats) + high
    wide = high / math.cos(math.radians(max(abs(south), abs(north))))
    return Box(south, min(lngs) - wide, north, max(lngs) + wide)


def area_of(point: Point, resolution: int = AREA) -> str:
    """Name the area that holds ``point``, as 15 hexadecimal digits.

    A larger one is made of the smallest, whose edges are not quite its own.
    """
    return area_around(h3.latlng_to_cell(point.lat, point.lng, AREA), resolution)


def area_around(area: str, resolution: int) -> str:
    """Name the larger area that ``area`` is a part of; it itself when it is large enough."""
    found: str = h3.cell_to_parent(area, min(resolution, h3.get_resolution(area)))
    return found


def area_span(area: str) -> tuple[str, str]:
    """Return the first and the last name of the smallest areas within ``area``.

    A name begins with those of all that is around it: no other area lies between the two.
    """
    names = h3.cell_to_children(area, AREA)
    return min(names), max(names)


def areas_in(box: Box) -> list[str]:
    """Name the smallest areas that ``box`` touches, and perhaps a few more beside it."""
    # H3 looks for middles; that of an area which reaches into the box is no further away.
    corners = [Point(box.south, box.west), Point(box.north, box.east)]
    south, west, north, east = box_around(corners, CELL_M)
    corners = [Point(south, west), Point(south, east), Point(north, east), Point(north, west)]
    return sorted(h3.h3shape_to_cells(h3.LatLngPoly(corners), AREA))
