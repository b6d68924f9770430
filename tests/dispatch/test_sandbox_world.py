"""Where robots live, how often they do what, and what is counted: all without a server."""

from __future__ import annotations

import random
from io import BytesIO
from itertools import islice

import pytest
from PIL import Image

from common.geo import Point, metres_between, walking_metres
from dispatch.sandbox.habits import Answer, Habits, RequesterFate, RunnerFate, Share
from dispatch.sandbox.photos import proof_photo
from dispatch.sandbox.simulation import Plan
from dispatch.sandbox.summary import failures, in_words, quantile, summarise
from dispatch.sandbox.tally import Tally
from dispatch.sandbox.world import (
    NEIGHBOURS_M,
    Town,
    shifted,
    stations,
    street_route,
    towards,
)
from errands.states import TWO_PLACES, Kind

CITY_HALL = Point(37.5657, 126.9769)
SEEDS = range(12)


def test_every_station_of_the_file_is_read() -> None:
    assert len(stations()) == 328
    assert all(36.9 < s.point.lat < 38 and 126 < s.point.lng < 128 for s in stations())


@pytest.mark.parametrize("seed", SEEDS)
def test_a_town_is_a_few_neighbouring_stations(seed: int) -> None:
    town = Town(seed)
    assert 3 <= len(town.stations) <= 6
    for one in town.stations:
        for other in town.stations:
            assert metres_between(one.point, other.point) <= NEIGHBOURS_M


def test_one_seed_is_one_town_and_one_list_of_orders() -> None:
    assert list(islice(Town(7).orders(), 20)) == list(islice(Town(7).orders(), 20))
    assert Town(7).stations != Town(8).stations


def test_orders_can_be_taken_up_in_the_middle() -> None:
    assert next(Town(3).orders(first=5)) == list(islice(Town(3).orders(), 5))[4]


@pytest.mark.parametrize("seed", SEEDS)
def test_orders_are_near_a_station_and_walkable(seed: int) -> None:
    town = Town(seed)
    for order in islice(town.orders(), 60):
        nearest = min(walking_metres(s.point, order.pickup.point) for s in town.stations)
        assert nearest <= 701
        assert (order.dropoff is not None) == (order.kind in TWO_PLACES)
        if order.dropoff is not None:
            assert 195 <= metres_between(order.pickup.point, order.dropoff.point) <= 1_205


def test_kinds_are_mixed_as_intended() -> None:
    kinds = [order.kind for order in islice(Town(1).orders(), 1_000)]
    assert kinds.count(Kind.DELIVERY) == pytest.approx(600, abs=60)
    assert kinds.count(Kind.HELP) == pytest.approx(100, abs=40)


def test_what_is_asked_fits_the_limits_of_the_api() -> None:
    for order in islice(Town(2).orders(), 200):
        asked = order.quote_body()
        assert len(asked["pickup_address"]) <= 120
        assert 0 <= asked["weight_kg"] <= 20
        assert 0 <= asked["bags"] <= 4
        body = order.errand_body({"id": "q", "reward_floor": 4_510})
        assert body["reward"] >= 4_510
        assert body["reward"] % 100 == 0
        assert 2 <= len(body["title"]) <= 60


def test_a_shift_has_its_length_and_direction() -> None:
    north, east = shifted(CITY_HALL, 500, 0), shifted(CITY_HALL, 500, 1.5707963)
    assert north.lat > CITY_HALL.lat
    assert north.lng == pytest.approx(CITY_HALL.lng)
    assert east.lng > CITY_HALL.lng
    for moved in (north, east):
        assert metres_between(CITY_HALL, moved) == pytest.approx(500, abs=1)


def test_a_walk_ends_where_it_should_and_turns_once() -> None:
    end = shifted(CITY_HALL, 800, 0.7)
    corner, last = street_route(CITY_HALL, end, random.Random(1))
    assert last == end
    assert corner.lat in (CITY_HALL.lat, end.lat)
    part = towards(CITY_HALL, end, 200)
    assert metres_between(CITY_HALL, part) == pytest.approx(200, abs=1)
    assert towards(CITY_HALL, end, 5_000) == end
    assert towards(end, end, 1) == end


@pytest.mark.parametrize("share", [0.01, 0.03, 0.5, 0.0])
def test_a_share_is_kept_almost_exactly(share: float) -> None:
    asked = Share(share, random.Random(4))
    fired = sum(asked.fires() for _ in range(1_000))
    assert abs(fired - share * 1_000) <= 1


def test_habits_of_a_hundred_robots() -> None:
    habits = Habits(random.Random(1))
    answers = [habits.answer() for _ in range(1_000)]
    assert answers.count(Answer.DECLINE) == pytest.approx(80, abs=2)
    assert answers.count(Answer.IGNORE) == pytest.approx(37, abs=3)
    fates = [habits.runner_fate() for _ in range(1_000)]
    assert fates.count(RunnerFate.DROP) == pytest.approx(30, abs=2)
    wishes = [habits.requester_fate() for _ in range(1_000)]
    assert wishes.count(RequesterFate.OBJECT) == pytest.approx(10, abs=2)
    assert 960 <= wishes.count(RequesterFate.CONFIRM) <= 964


def test_a_proof_photo_is_a_small_jpeg() -> None:
    data = proof_photo(random.Random(1))
    image = Image.open(BytesIO(data))
    assert image.format == "JPEG"
    assert len(data) < 20_000
    assert data != proof_photo(random.Random(2))


# --- Counting ---
def plan(*, errands: int = 100) -> Plan:
    return Plan(
        base_url="http://x", runners=40, errands=errands, speed=60, seed=7, minutes=0,
        staff_email="", staff_password="",
    )  # fmt: skip


def good_tally() -> Tally:
    tally = Tally(posted=100, funded=99, matched=98, cancelled_by_robots=3)
    tally.ended.update(completed=95, cancelled=3, failed=1, disputed=1)
    return tally


CLEAN = {"clean": True, "errands": 100, "found": 0, "findings": []}


def test_a_good_run_has_no_failure() -> None:
    summary = summarise(plan(), good_tally(), CLEAN)
    assert summary["failed"] == []
    assert summary["completed_percent"] == 97.9
    assert summary["matched_percent"] == 99.0
    assert summary["ended"]["completed"] == 95
    assert summary["seconds_to_match"] == {"p50": None, "p90": None, "longest": None}


def test_every_broken_promise_is_named() -> None:
    tally = good_tally()
    tally.ended["completed"] = 80
    tally.posted = 99
    tally.live["an-errand"] = "assigned"
    told = "; ".join(failures(plan(), tally, {**CLEAN, "clean": False, "found": 2}))
    for expected in ("2 findings", "83.3 %", "99 of 100", "an-errand"):
        assert expected in told


def test_an_endless_run_promises_only_a_clean_audit() -> None:
    assert failures(plan(errands=0), Tally(), CLEAN) == []


def test_an_audit_of_another_database_proves_nothing() -> None:
    (told,) = failures(plan(errands=0), good_tally(), {**CLEAN, "errands": 3})
    assert "another database" in told


def test_no_errand_at_all_is_no_success() -> None:
    assert len(failures(plan(), Tally(), CLEAN)) == 2


def test_quantiles_need_no_order() -> None:
    assert quantile([3, 1, 2], 0.5) == 2
    assert quantile([5], 0.9) == 5
    assert quantile([], 0.9) is None


def test_the_summary_reads_as_words() -> None:
    text = in_words(summarise(plan(), good_tally(), CLEAN))
    assert "completed percent       97.9" in text
    assert "failed                  none" in text


def test_the_tally_counts_an_errand_once_it_is_over() -> None:
    tally = Tally(posted=1)
    tally.live["a"] = "open"
    assert "posted 1 · open 1" in tally.line()
    tally.matched_after("2026-01-01T09:00:00+09:00", "2026-01-01T00:00:07Z")
    tally.over("a", "completed")
    assert list(tally.seconds_to_match) == [7.0]
    assert "completed 1" in tally.line()
    assert not tally.live


def test_posting_is_paced_by_the_runners() -> None:
    few, many = plan(errands=0), plan()
    assert many.requesters == 20
    assert few.requesters == 6
    assert plan(errands=3).requesters == 3
    assert many.seconds_between_posts == pytest.approx((25 + 8) / 40 / 1.2)
    assert few.seconds_between_posts > many.seconds_between_posts
