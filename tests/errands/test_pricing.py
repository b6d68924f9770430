"""Prices from plain numbers."""

from __future__ import annotations

import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from errands.pricing import (
    SEOUL,
    Asked,
    implied_hourly,
    is_night,
    minimum_wage,
    price,
    service_fee,
)
from errands.states import Kind

NOON = dt.datetime(2026, 11, 23, 12, tzinfo=SEOUL)
PLAIN = Asked(
    kind=Kind.DELIVERY, walking_minutes=10, expected_minutes=5, weight_kg=1, bags=1, floors=0,
    at=NOON, bad_weather=False,
)  # fmt: skip


def lines(asked: Asked) -> dict[str, int]:
    return {line.code: line.amount for line in price(asked).lines}


def test_a_plain_delivery() -> None:
    assert lines(PLAIN) == {"base": 3_000, "walking": 1_800}
    assert price(PLAIN).reward_floor == 4_800


@pytest.mark.parametrize(
    ("change", "code", "amount"),
    [
        ({"weight_kg": 8}, "weight", 600),
        ({"bags": 4}, "bags", 1_000),
        ({"floors": 3}, "stairs", 900),
        ({"bad_weather": True}, "weather", 1_500),
        ({"at": NOON.replace(hour=22)}, "night", 1_500),
        ({"expected_minutes": 15}, "on_site", 1_500),
        ({"kind": Kind.QUEUE, "expected_minutes": 31}, "blocks", 8_100),
    ],
)
def test_each_burden_has_its_line(change: dict[str, object], code: str, amount: int) -> None:
    assert lines(PLAIN._replace(**change))[code] == amount  # type: ignore[arg-type]


asked = st.builds(
    Asked,
    kind=st.sampled_from(Kind),
    walking_minutes=st.floats(0, 90),
    expected_minutes=st.integers(0, 240),
    weight_kg=st.integers(0, 20),
    bags=st.integers(0, 4),
    floors=st.integers(0, 30),
    at=st.integers(0, 365 * 24).map(lambda hours: NOON - dt.timedelta(hours=hours)),
    bad_weather=st.booleans(),
)


@given(asked)
def test_lines_add_up_to_a_round_floor(case: Asked) -> None:
    found = price(case)
    assert sum(line.amount for line in found.lines) == found.reward_floor
    assert found.reward_floor % 100 == 0
    assert found.reward_floor >= 3_000
    assert all(line.amount > 0 for line in found.lines)


@given(asked)
def test_more_burden_never_costs_less(case: Asked) -> None:
    heavier = case._replace(weight_kg=case.weight_kg + 1, floors=case.floors + 1)
    assert price(heavier).reward_floor >= price(case).reward_floor


@pytest.mark.parametrize(
    ("hour", "night"), [(21, False), (22, True), (0, True), (5, True), (6, False)]
)
def test_night_is_22_to_06_in_seoul(hour: int, night: bool) -> None:
    at = NOON.replace(hour=hour)
    assert is_night(at.astimezone(dt.UTC)) is night


def test_the_fee_is_rounded_down_to_the_won() -> None:
    assert service_fee(4_805, percent=10) == 480


def test_hourly_pay() -> None:
    assert implied_hourly(5_000, 25) == 12_000


@pytest.mark.parametrize(
    ("year", "wage"), [(2024, 10_030), (2025, 10_030), (2026, 10_320), (2031, 10_320)]
)
def test_the_minimum_wage_of_the_day(year: int, wage: int) -> None:
    table = {2025: 10_030, 2026: 10_320}
    assert minimum_wage(table, NOON.replace(year=year)) == wage


def test_new_year_comes_earlier_in_seoul() -> None:
    at = dt.datetime(2025, 12, 31, 16, tzinfo=dt.UTC)
    assert minimum_wage({2025: 1, 2026: 2}, at) == 2
