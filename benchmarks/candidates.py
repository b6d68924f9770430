"""Who is near an errand: a run's own batched search against Redis asked for each errand.

Both find the fifty nearest. The batched search is built anew each time, as in a matching run; what
it costs is divided by the errands it answers. Redis is asked for those within a kilometre.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import redis

from benchmarks.frame.program import main
from benchmarks.frame.rounds import turns
from benchmarks.frame.rows import Report, Row, at_most, figure, no_less_than
from benchmarks.sides.crowd import WALK, Crowd, crowd, located
from common.geo import Point
from dispatch.matching import Rules
from dispatch.matching.area import Area
from dispatch.matching.candidates import Ends
from dispatch.matching.costs import Terms
from dispatch.matching.routes import Routes
from dispatch.matching.shapes import Floats
from tests.services import RedisServer

KEY = "where"
HALF_M = 10_000.0
RADIUS_M = 1_000.0
NEAREST = 50
SLACK_M = 1.0  # Redis keeps half a metre
SCALE = 0.003  # its Earth is a little larger, and a flat map is not quite true to scale


class Options(NamedTuple):
    """Runners on the map, errands of a batch, errands for which Redis is asked."""

    rounds: int = 5
    runners: int = 100_000
    errands: int = 5_000
    asked: int = 500


class Found(NamedTuple):
    """Milliseconds for each errand, and for each the runners found, nearest first."""

    ms: list[float]
    near: list[list[int]]


class Search:
    """Errands and runners as a run has them when it begins to look for candidates."""

    def __init__(self, those: Crowd) -> None:
        self.area = Area(those.errands, those.runners, WALK, Rules())
        self.routes, self.terms = Routes(self.area), Terms(self.area)

    def batched(self) -> Found:
        """Build the search, and look for all errands at once."""
        errands, runners = map(np.arange, self.area.shape)
        begun = time.perf_counter()
        near = Ends(self.routes, self.terms, runners).near(errands, NEAREST)
        ms = (time.perf_counter() - begun) * 1_000 / len(errands)
        return Found([ms], near.runner.reshape(len(errands), -1).tolist())

    def asked(self, client: redis.Redis, count: int) -> Found:
        """Ask Redis for so many of the errands."""
        found = Found([], [])
        for errand in self.area.errands[:count]:
            begun = time.perf_counter()
            near = _near(client, errand.pickup)
            found.ms.append((time.perf_counter() - begun) * 1_000)
            found.near.append(near)
        return found


def measure(options: Options) -> Report:
    search = Search(crowd(options.errands, options.runners, half_m=HALF_M))
    with RedisServer() as server, redis.Redis.from_url(server.url) as client:
        _fill(client, search)
        sides: dict[str, Callable[[], Found]] = {
            "batched": search.batched,
            "GEOSEARCH": partial(search.asked, client, options.asked),
        }
        found: dict[str, list[Found]] = {name: [] for name in sides}
        for name in turns(sides, options.rounds):
            found[name].append(sides[name]())
    return Report(_rows(options, search, found["batched"], found["GEOSEARCH"]))


def _fill(client: redis.Redis, search: Search) -> None:
    pipe = client.pipeline(transaction=False)
    for number, runner in enumerate(search.area.runners):
        pipe.geoadd(KEY, (runner.position.lng, runner.position.lat, number))
    pipe.execute()


def _near(client: redis.Redis, at: Point) -> list[int]:
    found: Any = client.geosearch(
        KEY, longitude=at.lng, latitude=at.lat, radius=RADIUS_M, unit="m", sort="ASC",
        count=NEAREST,
    )  # fmt: skip
    return [int(member) for member in found]


def _rows(
    options: Options, search: Search, ours: Sequence[Found], theirs: Sequence[Found]
) -> list[Row]:
    asked_ms = [ms for each in theirs for ms in each.ms]
    recall = _recall(search.area, ours[0].near, theirs[0].near)
    return [
        Row(
            path=f"Candidates at {options.runners:,} runners, each errand", unit="ms",
            ours=figure([each.ms[0] for each in ours]), peer_name="GEOSEARCH",
            peer=figure([float(np.median(each.ms)) for each in theirs], asked_ms),
            mark=at_most(0.05), note=f"a batch of {options.errands:,}, its tree included",
        ),
        Row(
            path="Candidates: recall of the nearest fifty", unit="", ours=figure([recall]),
            mark=no_less_than(1.0), note=f"against GEOSEARCH, {options.asked:,} errands",
        ),
    ]  # fmt: skip


def _recall(area: Area, ours: Sequence[list[int]], theirs: Sequence[list[int]]) -> float:
    """Return the share of GEOSEARCH's answers that we have, or as near ones instead."""
    places = WALK.flat(
        located([*(r.position for r in area.runners), *(e.pickup for e in area.errands)])
    )
    runners, pickups = places[: len(area.runners)], places[len(area.runners) :]
    wanted = missed = 0
    for pickup, mine, their in zip(pickups, ours, theirs, strict=False):
        reached = _away(runners[mine], pickup).max()
        others = _away(runners[sorted(set(their) - set(mine))], pickup)
        wanted += len(their)
        missed += int((others < reached * (1 - SCALE) - SLACK_M).sum())
    return 1.0 - missed / wanted


def _away(places: Floats, middle: Floats) -> Floats:
    away: Floats = np.linalg.norm(places - middle, axis=1)
    return away


if __name__ == "__main__":
    main(Options, measure)
