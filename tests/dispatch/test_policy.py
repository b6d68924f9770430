"""Which positions count, how far an offer reaches, the order of stops, the ETA."""

from __future__ import annotations

import datetime as dt
import math
import uuid
from itertools import pairwise

import pytest
from django.conf import settings
from hypothesis import given
from hypothesis import strategies as st

from common.geo import Point, metres_between, walking_minutes
from dispatch.policy import (
    CLOCKS_DIFFER,
    WORST_CLOCK,
    Fix,
    Load,
    Stop,
    clock_behind,
    eta_minutes,
    minutes_along,
    reach_m,
    route,
    sift,
    thinned,
)

NOW = dt.datetime(2026, 7, 1, 3, 0, tzinfo=dt.UTC)
CITY_HALL = Point(37.5663, 126.9779)
ONE, TWO = uuid.UUID(int=1), uuid.UUID(int=2)
MOMENT = dt.timedelta.resolution
WALKS = st.lists(st.tuples(st.floats(-300, 300), st.integers(-60, 3_600), st.floats(0, 80)))


def north(metres: float) -> Point:
    return Point(CITY_HALL.lat + metres / 111_195, CITY_HALL.lng)


def fix(metres: float = 0, *, ago_s: float = 10, accuracy: float = 5) -> Fix:
    lat, lng = north(metres)
    return Fix(lat, lng, accuracy, NOW - dt.timedelta(seconds=ago_s))


def refusals(*fixes: Fix, last: Fix | None = None, fastest: float = 8) -> dict[str, int]:
    return sift(fixes, last=last, now=NOW, max_speed_mps=fastest).refused


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        (fix(accuracy=50.1), "inaccurate"),
        (fix(accuracy=-1), "inaccurate"),
        (fix(accuracy=math.nan), "inaccurate"),
        (fix(ago_s=-31), "future"),
        (fix(ago_s=24 * 3600 + 1), "too_old"),
        (fix()._replace(lat=35.68, lng=139.76), "outside_service_area"),
        (fix()._replace(lat=math.nan), "outside_service_area"),
    ],
)
def test_a_fix_can_be_wrong_by_itself(bad: Fix, reason: str) -> None:
    assert sift([bad], last=None, now=NOW, max_speed_mps=8).kept == []
    assert refusals(bad) == {reason: 1}


def test_the_limits_themselves_count() -> None:
    good = [fix(ago_s=24 * 3600), fix(accuracy=50), fix(ago_s=-30)]
    assert sift(good, last=None, now=NOW, max_speed_mps=8).kept == good


def test_a_fix_can_contradict_the_one_before() -> None:
    last = fix(ago_s=10)
    assert refusals(fix(ago_s=11), last=last) == {"out_of_order": 1}
    assert refusals(fix(1, ago_s=10), last=last) == {"duplicate": 1}
    assert refusals(fix(81, ago_s=0), last=last) == {"too_fast": 1}
    assert refusals(fix(79, ago_s=0), last=last) == {}
    assert refusals(fix(810, ago_s=0), last=last, fastest=800) == {}


def test_a_jump_is_measured_from_the_last_one_that_was_kept() -> None:
    jump, back = fix(5_000, ago_s=8), fix(5, ago_s=6)
    sifted = sift([fix(0, ago_s=10), jump, back], last=None, now=NOW, max_speed_mps=8)
    assert sifted.kept == [fix(0, ago_s=10), back]
    assert sifted.refused == {"too_fast": 1}


@given(WALKS, st.floats(1, 20))
def test_whatever_is_kept_is_in_order_and_walkable(
    rows: list[tuple[float, int, float]], fastest: float
) -> None:
    fixes = [fix(metres, ago_s=ago, accuracy=accuracy) for metres, ago, accuracy in rows]
    kept, refused = sift(fixes, last=None, now=NOW, max_speed_mps=fastest)
    assert len(kept) + sum(refused.values()) == len(fixes)
    assert [f.recorded_at for f in kept] == sorted({f.recorded_at for f in kept})
    assert sift(kept, last=None, now=NOW, max_speed_mps=fastest).kept == kept


# --- A phone with a wrong clock ------------------------------------------------------------
def by_another_clock(fixes: list[Fix], behind: dt.timedelta) -> list[Fix]:
    return [fix._replace(recorded_at=fix.recorded_at - behind) for fix in fixes]


@given(WALKS, st.timedeltas(CLOCKS_DIFFER + MOMENT, WORST_CLOCK), st.sampled_from([1, -1]))
def test_whatever_the_clock_says_the_same_is_kept(
    rows: list[tuple[float, int, float]], off: dt.timedelta, sign: int
) -> None:
    behind = sign * off
    fixes = [fix(metres, ago_s=ago, accuracy=accuracy) for metres, ago, accuracy in rows]
    told, last = by_another_clock(fixes, behind), fix(ago_s=7_200)
    found = sift(told, last=last, now=NOW, max_speed_mps=8, behind=behind)
    assert found == sift(fixes, last=last, now=NOW, max_speed_mps=8)


@given(WALKS, st.timedeltas(-CLOCKS_DIFFER, CLOCKS_DIFFER))
def test_a_clock_that_is_nearly_right_changes_nothing(
    rows: list[tuple[float, int, float]], behind: dt.timedelta
) -> None:
    fixes = [fix(metres, ago_s=ago, accuracy=accuracy) for metres, ago, accuracy in rows]
    expected = sift(fixes, last=None, now=NOW, max_speed_mps=8)
    assert sift(fixes, last=None, now=NOW, max_speed_mps=8, behind=behind) == expected


def test_a_clock_that_is_days_off_is_not_believed() -> None:
    for behind, reason in ((WORST_CLOCK + MOMENT, "too_old"), (-WORST_CLOCK - MOMENT, "future")):
        told = by_another_clock([fix()], behind)
        found = sift(told, last=None, now=NOW, max_speed_mps=8, behind=behind)
        assert found.refused == {reason: 1}


@given(st.datetimes(timezones=st.just(dt.UTC)), st.datetimes(timezones=st.just(dt.UTC)))
def test_no_time_is_too_odd(recorded_at: dt.datetime, sent_at: dt.datetime) -> None:
    told = [fix()._replace(recorded_at=recorded_at)]
    behind = clock_behind(sent_at, now=NOW)
    kept, refused = sift(told, last=None, now=NOW, max_speed_mps=8, behind=behind)
    assert len(kept) + sum(refused.values()) == 1


def test_a_batch_on_its_way_is_no_late_clock() -> None:
    def seconds(*differences: float) -> list[float]:
        known, found = dt.timedelta(0), []
        for difference in differences:
            sent_at = NOW - dt.timedelta(seconds=difference)
            known = clock_behind(sent_at, now=NOW, known=known)
            found.append(known.total_seconds())
        return found

    assert seconds(0.2, 5, 59) == [0, 0, 0]  # right, and sometimes slow
    assert seconds(600.9, 600.1, 640, 600.2) == [600.9, 600.1, 600.1, 600.1]  # late
    assert seconds(-599.1, -599.9, -570) == [-599.1, -599.9, -599.9]  # early
    assert seconds(600, 0.1, 600) == [600, 0.1, 600]  # set right, and wrong again
    assert clock_behind(None, now=NOW) == dt.timedelta(0)


@pytest.mark.parametrize(
    ("waited_s", "metres"),
    [(-5, 600), (0, 600), (59, 600), (60, 1_200), (180, 2_000), (300, 3_000), (9_999, 3_000)],
)
def test_the_reach_grows_with_waiting(waited_s: float, metres: float) -> None:
    assert reach_m(waited_s, settings.REACH_STEPS) == metres


def test_a_second_errand_is_fitted_in_where_it_adds_least() -> None:
    first = Load(ONE, (north(500), north(1_500)))
    second = Load(TWO, (north(600), north(1_400)))
    stops = [
        Stop(ONE, north(500)), Stop(TWO, north(600)), Stop(TWO, north(1_400)),
        Stop(ONE, north(1_500)),
    ]  # fmt: skip
    assert route(CITY_HALL, [first, second]) == stops
    assert minutes_along(CITY_HALL, stops) == pytest.approx(
        walking_minutes(CITY_HALL, north(1_500)), rel=1e-6
    )


def test_the_promised_order_holds_even_when_the_other_way_is_shorter() -> None:
    backwards = Load(ONE, (north(1_000), north(10)))
    assert [stop.point for stop in route(CITY_HALL, [backwards])] == [north(1_000), north(10)]


def test_the_eta_counts_the_stops_on_the_way() -> None:
    first, second = Load(ONE, (north(1_000),)), Load(TWO, (north(400),))
    assert eta_minutes(CITY_HALL, [first, second], TWO) == round(
        walking_minutes(CITY_HALL, north(400)), 1
    )
    assert eta_minutes(CITY_HALL, [first, second], ONE) == round(
        walking_minutes(CITY_HALL, north(1_000)), 1
    )
    assert eta_minutes(CITY_HALL, [], ONE) is None
    assert eta_minutes(CITY_HALL, [Load(ONE, ())], ONE) is None


def test_a_way_is_thinned_where_it_is_densest() -> None:
    crowded = [Point(37.5 + step / 1_000_000, 127.0) for step in range(500)]
    sparse = [Point(37.5005 + step / 100_000, 127.0) for step in range(500)]
    way = thinned([*crowded, *sparse], 100)
    assert (way[0], way[-1]) == (crowded[0], sparse[-1])
    assert 50 <= len(way) <= 100
    gaps = [metres_between(a, b) for a, b in pairwise(way)]
    assert max(gaps) <= 2 * sum(gaps) / 99
    assert thinned(way, 100) == way
    assert thinned([crowded[0]] * 200, 100) == [crowded[0]] * 2  # on the spot
