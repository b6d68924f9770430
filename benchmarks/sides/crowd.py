"""Made-up errands and runners for the matching alone, and what each pair really walks."""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import NamedTuple
from uuid import UUID

import numpy as np

from common.geo import METRES_PER_DEGREE, Point
from dispatch.matching import Estimate, Free, Visit, Wanted
from dispatch.matching.shapes import Floats

MIDDLE = Point(37.5326, 127.0246)
EVERYWHERE_M = 1e6
LAT, LNG = 1 / METRES_PER_DEGREE, 1.26 / METRES_PER_DEGREE  # degrees in a metre, at Seoul
FURTHEST_M = 800.0  # between the two places of an errand, north–south and east–west
WALK = Estimate()


class Crowd(NamedTuple):
    """One matching problem."""

    errands: list[Wanted]
    runners: list[Free]


def crowd(
    errands: int, runners: int, *, half_m: float, carrying: float = 0.0,
    reach_m: float = EVERYWHERE_M, seed: int = 1,
) -> Crowd:  # fmt: skip
    """Spread everybody over a square of ``half_m`` from its middle to a side.

    The share ``carrying`` of the runners has one errand in hand, with both its places ahead.
    """
    dice = random.Random(seed)  # noqa: S311
    return Crowd(
        [_wanted(dice, half_m, reach_m) for _number in range(errands)],
        [_free(dice, half_m, carries=number < carrying * runners) for number in range(runners)],
    )


def _wanted(dice: random.Random, half_m: float, reach_m: float) -> Wanted:
    pickup = _somewhere(dice, MIDDLE, half_m)
    return Wanted(
        id=_id(dice), requester_id=_id(dice), kind="delivery", pickup=pickup,
        dropoff=_somewhere(dice, pickup, FURTHEST_M), weight_kg=1, bags=1, waited_s=0.0,
        reach_m=reach_m,
    )  # fmt: skip


def _free(dice: random.Random, half_m: float, *, carries: bool) -> Free:
    position = _somewhere(dice, MIDDLE, half_m)
    stops = [position, position]
    for number in (0, 1):
        stops[number] = _somewhere(dice, stops[number - 1], FURTHEST_M)
    return Free(
        id=_id(dice), position=position, kinds=frozenset({"delivery"}), kg_left=10, bags_left=2,
        carried=int(carries), stops=tuple(Visit(stop) for stop in stops) if carries else (),
    )  # fmt: skip


def _somewhere(dice: random.Random, middle: Point, half_m: float) -> Point:
    north, east = dice.uniform(-half_m, half_m), dice.uniform(-half_m, half_m)
    return Point(middle.lat + north * LAT, middle.lng + east * LNG)


def _id(dice: random.Random) -> UUID:
    return UUID(int=dice.getrandbits(128), version=4)


def added_s(those: Crowd) -> Floats:
    """What each errand adds to each runner's way, less its own way from pickup to drop-off.

    A table of errands × runners, by trying every order of places; seconds of walking.
    """
    pickups = located(errand.pickup for errand in those.errands)[:, None]
    dropoffs = located(errand.dropoff or errand.pickup for errand in those.errands)[:, None]
    table = WALK.seconds(pickups, located(runner.position for runner in those.runners)[None])
    carriers = [number for number, runner in enumerate(those.runners) if runner.stops]
    if carriers:
        busy = [those.runners[number] for number in carriers]
        table[:, carriers] = _inserted(busy, pickups, dropoffs)
    return table


def _inserted(busy: Sequence[Free], pickups: Floats, dropoffs: Floats) -> Floats:
    way = [
        located(runner.position for runner in busy)[None],
        *(located(runner.stops[at].point for runner in busy)[None] for at in (0, 1)),
    ]
    longer = [
        _length([*way[:first], pickups, *way[first:last], dropoffs, *way[last:]])
        for first in (1, 2, 3)
        for last in range(first, 4)
    ]
    best: Floats = np.minimum.reduce(longer) - _length(way) - WALK.seconds(pickups, dropoffs)
    return best


def _length(places: Sequence[Floats]) -> Floats:
    legs = [WALK.seconds(a, b) for a, b in pairwise(places)]
    return np.asarray(sum(legs[1:], legs[0]))


def located(points: Iterable[Point]) -> Floats:
    return np.array(list(points), dtype=np.float64)
