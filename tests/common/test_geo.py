"""Distances, blocks and areas."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.geo import (
    REGION,
    SERVICE_BOX,
    Box,
    Point,
    area_around,
    area_of,
    area_span,
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
    assert area_of(SEOUL_STATION) == "8830e1d8e9fffff"
    assert area_of(SEOUL_STATION, REGION) == "8630e1d8fffffff"
    assert not SERVICE_BOX.holds(Point(35.68, 139.76))


@given(places, st.sampled_from([6, 7, 8]))
def test_an_area_lies_in_the_larger_one_around_it(place: Point, resolution: int) -> None:
    large = area_around(area_of(place), resolution)
    assert large == area_of(place, resolution)
    first, last = area_span(large)
    assert first <= area_of(place) <= last
    assert area_around(large, 8) == large


@given(places, places)
def test_the_names_of_another_area_lie_outside_the_span(place: Point, other: Point) -> None:
    first, last = area_span(area_of(place, REGION))
    inside = area_of(other, REGION) == area_of(place, REGION)
    assert (first <= area_of(other) <= last) == inside


boxes = st.builds(
    lambda corner, north, east: Box(corner.lat, corner.lng, corner.lat + north, corner.lng + east),
    places, st.floats(0, 0.06), st.floats(0, 0.08),
)  # fmt: skip


@given(boxes, st.floats(0, 1), st.floats(0, 1))
def test_the_areas_of_a_box_hold_all_of_its_places(box: Box, north: float, east: float) -> None:
    place = Point(
        box.south + north * (box.north - box.south), box.west + east * (box.east - box.west)
    )
    assert area_of(place) in areas_in(box)


def test_a_small_box_touches_few_areas() -> None:
    box = Box(south=37.55, west=126.97, north=37.55, east=126.97)
    assert 1 <= len(areas_in(box)) <= 7
