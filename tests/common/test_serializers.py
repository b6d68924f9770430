"""Input that is almost right is refused, and named."""

from __future__ import annotations

from typing import Any

import pytest
from rest_framework import serializers

from common.geo import Point
from common.money import MAX_WON
from common.serializers import (
    PointSerializer,
    StrictBooleanField,
    StrictCharField,
    StrictFloatField,
    StrictIntegerField,
    StrictSerializer,
    WonField,
    parsed,
)


class Shape(StrictSerializer):
    where = PointSerializer()
    note = StrictCharField(default="")


@pytest.mark.parametrize(
    ("field", "good"),
    [
        (StrictIntegerField(), [0, -3, 10**12]),
        (StrictFloatField(), [1, 1.5, -0.0]),
        (StrictBooleanField(), [True, False]),
        (StrictCharField(), ["가", "a\tb\nc", "👟"]),
        (WonField(), [0, MAX_WON]),
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_is_right_is_kept_as_it_is(
    field: serializers.Field[Any, Any, Any, Any], good: list[Any]
) -> None:
    for value in good:
        assert field.run_validation(value) == value


@pytest.mark.parametrize(
    ("field", "bad"),
    [
        (StrictIntegerField(), [True, "1", 1.0, None, [], {}]),
        (StrictFloatField(), [True, "37.5", None, [1.0], 10**400]),
        (StrictBooleanField(), [0, 1, "true", None]),
        (StrictCharField(), [1, True, None, ["a"], "", " ", "a\x00b", "a\x1b[2J", "\ud800"]),
        (WonField(), [-1, MAX_WON + 1, 1.0, True]),
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_is_nearly_right_is_not(
    field: serializers.Field[Any, Any, Any, Any], bad: list[Any]
) -> None:
    for value in bad:
        with pytest.raises(serializers.ValidationError):
            field.run_validation(value)


def test_a_place_becomes_a_point() -> None:
    assert parsed(Shape, {"where": {"lat": 37.5, "lng": 127}}) == {
        "where": Point(37.5, 127.0),
        "note": "",
    }


@pytest.mark.parametrize(
    ("where", "code"),
    [
        ({"lat": 35.68, "lng": 139.76}, "outside_service_area"),
        ({"lat": 91, "lng": 127}, "max_value"),
        ({"lat": 37.5}, "required"),
        ({"lat": 37.5, "lng": 127, "alt": 3}, "unknown_field"),
        ([37.5, 127], "invalid"),
        (None, "null"),
    ],
)
def test_what_is_no_place_here(where: Any, code: str) -> None:
    shape = Shape(data={"where": where})
    assert not shape.is_valid()
    found = shape.errors["where"]
    first = next(iter(found.values())) if isinstance(found, dict) else found
    assert first[0].code == code


def test_unknown_fields_are_named_one_by_one() -> None:
    shape = Shape(data={"where": {"lat": 37.5, "lng": 127}, "zip": 1, "city": "서울"})
    assert not shape.is_valid()
    assert list(shape.errors) == ["city", "zip"]
