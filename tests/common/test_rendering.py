"""The renderer writes what DRF's own writes."""

from __future__ import annotations

import datetime as dt
from enum import StrEnum
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from django.utils.translation import gettext_lazy
from hypothesis import given
from hypothesis import strategies as st
from rest_framework.renderers import JSONRenderer
from rest_framework.serializers import Serializer
from rest_framework.utils.serializer_helpers import ReturnDict

from common.rendering import Renderer


class Colour(StrEnum):
    RED = "red"


PLAIN: Serializer[Any] = Serializer()
AT = dt.datetime(2026, 11, 24, 8, 30, 0, 123_000, tzinfo=dt.UTC)
texts = st.text() | st.sampled_from(["\u2028", "\u2029", '"\\/', "한글 \x00\x1f\x7f", "🦶"])
# The digits of others differ: DRF's says 1e-05, ours 0.00001.
numbers = st.integers(-(2**53), 2**53) | st.floats(0.0001, 1e15)
documents = st.recursive(
    st.none() | st.booleans() | numbers | texts,
    lambda inner: st.lists(inner) | st.dictionaries(texts, inner),
)


def same(data: Any, accepted: str = "application/json") -> None:
    assert Renderer().render(data, accepted, {}) == JSONRenderer().render(data, accepted, {})


@given(documents)
def test_any_document(data: Any) -> None:
    same(data)


@pytest.mark.parametrize(
    "value",
    [
        AT, AT.astimezone(ZoneInfo("Asia/Seoul")), AT.replace(microsecond=0), AT.date(),
        UUID(int=7), Colour.RED, gettext_lazy("Delivery"), (1, 2),
        ReturnDict({"a": 1}, serializer=PLAIN),
    ],
)  # fmt: skip
def test_what_is_not_json_itself(value: Any) -> None:
    same({"value": value})


@pytest.mark.parametrize("accepted", ["application/json; indent=4", "application/json; indent=0"])
def test_an_indent_that_is_asked_for(accepted: str) -> None:
    same({"a": [1, {"b": "한"}]}, accepted)
