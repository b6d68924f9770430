"""Databases of the time before the cells: their squares get new names, on every engine."""

from __future__ import annotations

import datetime as dt
from importlib import import_module

import pytest
from django.apps import apps

from accounts.models import User
from common.geo import REGION, Box, Point, area_of
from errands.models import AreaCondition, Errand
from tests.conftest import PICKUP, make_errand

HOUR = dt.timedelta(hours=1)
migration = import_module("errands.migrations.0003_areas")


def test_errands_get_the_cell_of_their_pickup(alice: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(migration, "AT_ONCE", 2)
    errands = [make_errand(alice) for _each in range(5)]
    Errand.objects.update(area="751:2538")
    migration.name_errands(apps, None)
    assert set(Errand.objects.values_list("area", flat=True)) == {area_of(PICKUP)}
    assert Errand.objects.filter(pk=errands[0].pk, title=errands[0].title).exists()


def test_bad_weather_of_a_square_is_that_of_every_region_in_it(
    dana: User, now: dt.datetime
) -> None:
    squares = {"751:2538": now + HOUR, "751:2539": now + 2 * HOUR}
    for area, until in squares.items():
        AreaCondition.objects.create(area=area, bad_weather_until=until, set_by=dana)
    migration.name_conditions(apps, None)
    said = dict(AreaCondition.objects.values_list("area", "bad_weather_until"))
    for place in places_in(Box(south=37.55, west=126.90, north=37.60, east=126.95)):
        assert said[area_of(place, REGION)] >= now + HOUR
    assert said[area_of(Point(37.575, 126.975), REGION)] == now + 2 * HOUR
    assert all(":" not in area for area in said)


def places_in(square: Box) -> list[Point]:
    steps = [step / 20 for step in range(21)]
    height, width = square.north - square.south, square.east - square.west
    return [
        Point(square.south + north * height, square.west + east * width)
        for north in steps
        for east in steps
    ]
