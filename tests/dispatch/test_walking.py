"""Walking times from a foot router, against a loopback server that speaks both of their APIs."""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from common.geo import Point
from dispatch import walking
from dispatch.apps import check_router
from dispatch.matching import Estimate, Rules, solve
from dispatch.matching.shapes import Floats
from dispatch.walking import router
from tests.dispatch.table_api import TableApi, table_api, walked_s
from tests.dispatch.towns import Town, town

APIS = ["osrm", "valhalla"]
HOME, SHOP, FRIEND = Point(37.5663, 126.9779), Point(37.5700, 126.9800), Point(37.5600, 126.9700)
STARTS, ENDS = np.array([HOME, SHOP, SHOP]), np.array([SHOP, FRIEND, SHOP])
TOLD = [walked_s(HOME, SHOP), walked_s(SHOP, FRIEND), 0.0]
ESTIMATED = Estimate().seconds(STARTS, ENDS)


@pytest.fixture
def api() -> Iterator[TableApi]:
    with table_api() as server:
        yield server


@pytest.fixture(params=APIS)
def named(request: pytest.FixtureRequest, api: TableApi, settings: Any) -> TableApi:
    """The server, as the settings name it: once as OSRM, once as Valhalla."""
    settings.WALKING_ROUTER_URL = api.url(request.param)
    return api


def told() -> tuple[Floats, int]:
    """What one run hears, and how many walks of it are only estimated."""
    with walking.walk() as walk:
        return walk.seconds(STARTS, ENDS), walk.estimated


def test_without_a_router_walks_are_estimated(settings: Any) -> None:
    settings.WALKING_ROUTER_URL = ""
    seconds, estimated = told()
    assert seconds.tolist() == ESTIMATED.tolist()
    assert estimated == 0


@pytest.mark.parametrize("mode", ["well", "long form", "busy once"])
def test_the_router_says_how_long(
    named: TableApi, mode: str, caplog: pytest.LogCaptureFixture
) -> None:
    named.mode = mode
    seconds, estimated = told()
    assert seconds == pytest.approx(TOLD, abs=0.2)
    assert estimated == 0
    assert set(named.keys) == {"k"}
    assert caplog.records == []


def test_every_walk_is_asked_once_whichever_way_it_goes(named: TableApi) -> None:
    with walking.walk() as walk:
        there = walk.seconds(STARTS[:, None], ENDS)
        asked = list(named.asked)
        assert walk.seconds(ENDS[:, None], STARTS).tolist() == there.T.tolist()
    assert named.asked == asked
    assert there.shape == (3, 3)


@pytest.mark.parametrize(
    ("mode", "reason", "requests"),
    [
        ("broken", "status 500", 1),
        ("busy", "status 503", 2),
        ("garbage", "unreadable", 1),
        ("endless", "too long", 1),
        ("half a table", "wrong size", 1),
    ],
)
def test_what_is_not_answered_is_estimated_and_said(
    named: TableApi, mode: str, reason: str, requests: int, caplog: pytest.LogCaptureFixture
) -> None:
    named.mode = mode
    seconds, estimated = told()
    assert seconds == pytest.approx(ESTIMATED)
    assert estimated == 2  # nobody asks how far it is from the shop to the shop
    assert len(named.asked) == requests
    [said] = caplog.records
    assert said.levelno == logging.WARNING
    assert reason in said.getMessage()


def test_only_the_walk_without_a_way_is_estimated(
    named: TableApi, caplog: pytest.LogCaptureFixture
) -> None:
    named.mode = "no way"
    seconds, estimated = told()
    assert estimated == 1
    assert sum(abs(s - t) < 0.2 for s, t in zip(seconds, TOLD, strict=True)) == 2
    assert "1 of 2" in caplog.text


def test_a_slow_router_is_not_waited_for(
    named: TableApi, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    named.mode = "slow"
    monkeypatch.setattr(router, "TIMEOUT_S", 0.2)
    began = time.monotonic()
    seconds, _estimated = told()
    assert time.monotonic() - began < 10  # it would have kept us for 30
    assert seconds == pytest.approx(ESTIMATED)
    assert "timeout" in caplog.text


def test_a_router_that_is_not_there_is_soon_given_up(
    settings: Any, caplog: pytest.LogCaptureFixture
) -> None:
    with table_api() as gone:
        settings.WALKING_ROUTER_URL = gone.url("osrm")
    made = Town(1, 5_000)
    places = np.array([made.place() for _ in range(300)])
    with walking.walk() as walk:
        seconds = walk.seconds(places[:, None], places)
        assert walk.estimated == walk.asked == 300 * 299 / 2
    assert seconds == pytest.approx(Estimate().seconds(places[:, None], places))
    [said] = caplog.records
    tried = re.search(r"'no connection': (\d+)", said.getMessage())
    assert tried is not None
    assert int(tried[1]) <= router.MOST_FAILURES + router.AT_ONCE


def test_tables_are_no_larger_than_a_router_takes(named: TableApi) -> None:
    made = Town(2, 3_000)
    starts, ends = (np.array([made.place() for _ in range(n)]) for n in (70, 90))
    with walking.walk() as walk:
        seconds = walk.seconds(starts[:, None], ends)
        assert walk.estimated == 0
    assert all(rows + columns <= 100 for rows, columns in named.asked)
    assert seconds[7, 11] == pytest.approx(walked_s(Point(*starts[7]), Point(*ends[11])), abs=0.2)


def test_a_run_costs_what_the_router_says(named: TableApi) -> None:
    errands, runners = town(20, 60)
    with walking.walk() as walk:
        matches = solve(errands, runners, walk=walk, rules=Rules(most_bundled=1)).matches
        assert (walk.estimated, walk.asked > 0) == (0, True)
    by_errand, by_runner = {e.id: e for e in errands}, {r.id: r for r in runners}
    idle = [match for match in matches if not by_runner[match.runner_id].stops]
    assert idle
    for match in idle:
        errand, runner = by_errand[match.errand_ids[0]], by_runner[match.runner_id]
        way = [runner.position, errand.pickup, errand.dropoff or errand.pickup]
        walked = sum(walked_s(a, b) for a, b in pairwise(way))
        assert match.terms[0]["added_minutes"] * 60 == pytest.approx(walked, abs=0.5)


@pytest.mark.parametrize(
    ("url", "fine"),
    [
        ("", True),
        ("osrm+http://127.0.0.1:5000", True),
        ("valhalla+https://router.example/foot?api_key=k", True),
        ("http://127.0.0.1:5000", False),
        ("osrm+ftp://router.example", False),
        ("google+https://router.example", False),
        ("osrm+http://", False),
        ("osrm+http://router.example:port", False),
    ],
)
def test_a_router_nobody_could_ask_is_an_error_at_the_start(
    url: str, fine: bool, settings: Any
) -> None:
    settings.WALKING_ROUTER_URL = url
    assert [error.id for error in check_router()] == ([] if fine else ["dispatch.E001"])
