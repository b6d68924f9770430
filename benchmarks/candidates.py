"""Who is near an errand: one batched search in memory against Redis asked for each errand.

Both find the fifty nearest runners within a kilometre. The batched search is built anew each
time, as in a matching run; what it costs is divided by the errands it answers.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import redis
from scipy.spatial import cKDTree

from benchmarks.frame.program import main
from benchmarks.frame.rounds import turns
from benchmarks.frame.rows import Report, Row, at_most, figure, no_less_than
from benchmarks.sides.crowd import WALK, Crowd, crowd, located
from common.geo import Point
from dispatch.matching.shapes import Floats
from tests.services import RedisServer

KEY = "where"
HALF_M = 10_000.0
RADIUS_M = 1_000.0
NEAREST = 50
SLACK_M = 1.0  # Redis keeps half a metre, and its Earth is 0.2 % larger


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


def measure(options: Options) -> Report:
    those = crowd(options.errands, options.runners, half_m=HALF_M)
    with RedisServer() as server, redis.Redis.from_url(server.url) as client:
        _fill(client, those)
        sides: dict[str, Callable[[], Found]] = {
            "batched": partial(_batched, those),
            "GEOSEARCH": partial(_asked, client, those, options.asked),
        }
        found: dict[str, list[Found]] = {name: [] for name in sides}
        for name in turns(sides, options.rounds):
            found[name].append(sides[name]())
    recall = _recall(those, found["batched"][0].near, found["GEOSEARCH"][0].near)
    ours, peer = ([figure_of.ms for figure_of in found[name]] for name in sides)
    return Report(
        [
            Row(
                path=f"Candidates at {options.runners:,} runners, each errand", unit="ms",
                ours=figure([ms[0] for ms in ours]), peer_name="GEOSEARCH", mark=at_most(0.05),
                peer=figure([float(np.median(ms)) for ms in peer], [m for ms in peer for m in ms]),
                note=f"a batch of {options.errands:,}, its tree included",
            ),
            Row(
                path="Candidates: recall of the nearest fifty", unit="", ours=figure([recall]),
                mark=no_less_than(1.0), note=f"against GEOSEARCH, {options.asked:,} errands",
            ),
        ]
    )  # fmt: skip


def _fill(client: redis.Redis, those: Crowd) -> None:
    pipe = client.pipeline(transaction=False)
    for number, runner in enumerate(those.runners):
        pipe.geoadd(KEY, (runner.position.lng, runner.position.lat, number))
    pipe.execute()


def _batched(those: Crowd) -> Found:
    begun = time.perf_counter()
    runners, pickups = flat(those)
    away, near = cKDTree(runners).query(pickups, k=NEAREST, distance_upper_bound=RADIUS_M)
    ms = (time.perf_counter() - begun) * 1_000 / len(pickups)
    kept = np.isfinite(away)
    return Found([ms], [row[keep].tolist() for row, keep in zip(near, kept, strict=True)])


def flat(those: Crowd) -> tuple[Floats, Floats]:
    """Runners and pickups on one map in metres, as a run lays it out."""
    places = WALK.flat(
        located([*(r.position for r in those.runners), *(e.pickup for e in those.errands)])
    )
    return places[: len(those.runners)], places[len(those.runners) :]


def _asked(client: redis.Redis, those: Crowd, count: int) -> Found:
    found = Found([], [])
    for errand in those.errands[:count]:
        begun = time.perf_counter()
        near = _search(client, errand.pickup)
        found.ms.append((time.perf_counter() - begun) * 1_000)
        found.near.append(near)
    return found


def _search(client: redis.Redis, at: Point) -> list[int]:
    found: Any = client.geosearch(
        KEY, longitude=at.lng, latitude=at.lat, radius=RADIUS_M, unit="m", sort="ASC",
        count=NEAREST,
    )  # fmt: skip
    return [int(member) for member in found]


def _recall(those: Crowd, ours: list[list[int]], theirs: list[list[int]]) -> float:
    """Return the share of GEOSEARCH's answers that we have, or as near ones instead."""
    runners, pickups = flat(those)
    wanted = missed = 0
    for pickup, mine, their in zip(pickups, ours, theirs, strict=False):
        reached = _furthest(runners, pickup, mine) if len(mine) == NEAREST else RADIUS_M
        away = np.linalg.norm(runners[sorted(set(their) - set(mine))] - pickup, axis=1)
        wanted, missed = wanted + len(their), missed + int((away < reached - slack(reached)).sum())
    return 1.0 - missed / wanted


def _furthest(runners: Floats, pickup: Floats, those: list[int]) -> float:
    return float(np.linalg.norm(runners[those] - pickup, axis=1).max())


def slack(metres: float) -> float:
    """Return how far two ways of measuring may differ."""
    return SLACK_M + 0.003 * metres


if __name__ == "__main__":
    main(Options, measure)
