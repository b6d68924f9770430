"""Input that says no to what it does not know."""

from __future__ import annotations

import functools
import unicodedata
from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext_lazy as _
from rest_framework import serializers

from common.geo import SERVICE_BOX, Point
from common.money import MAX_WON


# No docstring: the API document would repeat it as the description of every input.
class StrictSerializer(serializers.Serializer[Any]):
    def to_internal_value(self, data: Any) -> Any:
        if isinstance(data, Mapping):
            unknown = set(data) - set(self.fields)
            if unknown:
                message = _("This field is not known here.")
                raise serializers.ValidationError(
                    {
                        name: [serializers.ErrorDetail(str(message), "unknown_field")]
                        for name in sorted(map(str, unknown))
                    }
                )
        return super().to_internal_value(data)


class StrictIntegerField(serializers.IntegerField):
    """A JSON integer: no ``"12"``, no ``12.0``, no ``true``."""

    def to_internal_value(self, data: Any) -> int:
        # To Python `true` is the integer 1.
        if isinstance(data, bool) or not isinstance(data, int):
            self.fail("invalid")
        return super().to_internal_value(data)


class StrictCharField(serializers.CharField):
    """A JSON string without control characters; a number is not a text."""

    def to_internal_value(self, data: Any) -> str:
        if not isinstance(data, str):
            self.fail("invalid")
        value = super().to_internal_value(data)
        # Texts go to other people's screens and into logs, where an escape sequence acts.
        if any(unicodedata.category(char) == "Cc" and char not in "\n\t" for char in value):
            self.fail("invalid")
        return value


class StrictFloatField(serializers.FloatField):
    """A JSON number: no ``"37.5"``, no ``true``."""

    def to_internal_value(self, data: Any) -> float:
        if isinstance(data, bool) or not isinstance(data, int | float):
            self.fail("invalid")
        return super().to_internal_value(data)


class StrictBooleanField(serializers.BooleanField):
    """JSON ``true`` or ``false``: no ``"yes"``, no ``1``."""

    def to_internal_value(self, data: Any) -> bool:
        if not isinstance(data, bool):
            self.fail("invalid", input=data)
        return data


class WonField(StrictIntegerField):
    """An amount in won from 0 to ₩10,000,000."""

    def __init__(self, **kwargs: Any) -> None:
        kwargs.setdefault("min_value", 0)
        kwargs.setdefault("max_value", MAX_WON)
        super().__init__(**kwargs)


class PointSerializer(StrictSerializer):
    """A position inside the service area, as ``{"lat": 37.5, "lng": 127.0}`` in degrees."""

    lat = StrictFloatField(min_value=-90, max_value=90)
    lng = StrictFloatField(min_value=-180, max_value=180)

    def to_internal_value(self, data: Any) -> Point:
        value = super().to_internal_value(data)
        point = Point(value["lat"], value["lng"])
        if not SERVICE_BOX.holds(point):
            raise serializers.ValidationError(
                _("This place is outside the service area."), code="outside_service_area"
            )
        return point


def parsed(shape: type[StrictSerializer], data: Any) -> dict[str, Any]:
    """Return the checked input, or raise the field errors of ``shape``."""
    try:
        return dict(_reader(shape).run_validation(data))
    except serializers.ValidationError:
        # Again by one of its own: an error's text is made once, in the language of that moment.
        given = shape(data=data)
        given.is_valid(raise_exception=True)
        return dict(given.validated_data)


@functools.cache
def _reader(shape: type[StrictSerializer]) -> StrictSerializer:
    """Making one copies all its fields, which takes longer than reading with them."""
    return shape()
