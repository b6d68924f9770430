"""Distances, blocks and areas."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.geo import (
    SERVICE_BOX,
    Box,
    Point,
    area_of,
    areas_in,
    metres_between,
    snap,
    walking_minutes,
)

SEOUL_STATION, CITY_HALL = Point(37.554648, 126.972559), Point(37.564718, 126.977108)
places = st.builds(
    Point,
    lat=st.floats(SERVICE_BOX.south, SERVICE_BOX.north),
    lng=st.floats(SERVICE_BOX.west, SERVICE_BOX.east),
)


def test_a_known_distance() -> None:
    # 1,190 m by an independent computation on the WGS 84 ellipsoid.
    assert metres_between(SEOUL_STATION, CITY_HALL) == pytest.approx(1_190, rel=0.005)


def test_walking_takes_the_detour() -> None:
    assert walking_minutes(SEOUL_STATION, CITY_HALL) == pytest.approx(21.5, rel=0.01)


@given(places, places)
def test_distance_is_a_distance(a: Point, b: Point) -> None:
    assert metres_between(a, a) == 0
    assert metres_between(a, b) == pytest.approx(metres_between(b, a))


@given(places)
def test_a_block_hides_the_place_but_is_near(place: Point) -> None:
    assert metres_between(place, snap(place)) < 110  # half the diagonal of 150 m


@given(places, st.floats(-1, 1), st.floats(-1, 1))
def test_all_of_a_block_looks_the_same(place: Point, north: float, east: float) -> None:
    centre = snap(place)
    neighbour = Point(centre.lat + north * 0.0006, centre.lng + east * 0.0006)
    assert snap(neighbour) == centre


def test_areas_have_names() -> None:
    assert area_of(SEOUL_STATION) == "751:2539"
    assert not SERVICE_BOX.holds(Point(35.68, 139.76))


def test_the_areas_of_a_box_hold_all_of_its_places() -> None:
    box = Box(south=37.54, west=126.94, north=37.56, east=127.06)
    assert areas_in(box) == ["750:2538", "750:2539", "750:2540", "750:2541",
                             "751:2538", "751:2539", "751:2540", "751:2541"]  # fmt: skip
    for corner in (Point(box.south, box.west), Point(box.north, box.east)):
        assert area_of(corner) in areas_in(box)
