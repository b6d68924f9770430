"""How the work grows with the city: a thousand runners to a hundred thousand, as dense as ever.

One point each: solve a single matching run of the whole city (a fifth as many errands), solve it
region by region as the product does, find all candidates in one batch, store a position of every
runner, read them all back.
"""

from __future__ import annotations

import math
import time
from collections import defaultdict
from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from typing import NamedTuple, TypeVar

import numpy as np

from benchmarks.candidates import Search
from benchmarks.engines import environment
from benchmarks.frame.program import main
from benchmarks.frame.rows import Curve, Report, Row, figure, no_more_than
from benchmarks.sides.crowd import Crowd, crowd
from benchmarks.sides.product import Inside
from common.geo import REGION, area_of
from dispatch.matching import solve
from tests.services import RedisServer

T = TypeVar("T")

SIZES = (1_000, 3_000, 10_000, 30_000, 100_000)
HALF_M = 2_000.0  # of a city of a thousand
REACH_M = 1_000.0
ERRANDS = 5  # runners for each
LINEAR = no_more_than(1.15)  # n · log n is 1.1 or so here
STEPS = (
    "a single run", "runs by region", "a run's candidates", "positions stored", "positions read",
)  # fmt: skip


class Options(NamedTuple):
    """Cities larger than ``most`` are left out."""

    rounds: int = 2
    most: int = 100_000


def measure(options: Options) -> Report:
    sizes = [size for size in SIZES if size <= options.most]
    with ExitStack() as stack:
        server = stack.enter_context(RedisServer())
        inside = stack.enter_context(Inside(environment("sqlite://:memory:", server)))
        _steps(inside, SIZES[0])  # what is loaded once does not count
        ms = [_least(partial(_steps, inside, size), options.rounds) for size in sizes]
    curves = [
        Curve(
            plot="growth", name=step, over="runners", unit="ms", x=[float(n) for n in sizes],
            y=[each[number] for each in ms],
        )
        for number, step in enumerate(STEPS)
    ]  # fmt: skip
    return Report([_row(curve) for curve in curves], curves)


def _least(measured: Callable[[], list[float]], rounds: int) -> list[float]:
    """The quickest of some rounds: growth is about the work, not about the neighbours."""
    return [min(column) for column in zip(*(measured() for _n in range(rounds)), strict=True)]


def _steps(inside: Inside, runners: int) -> list[float]:
    """Return the milliseconds of each of ``STEPS``."""
    half_m = HALF_M * math.sqrt(runners / SIZES[0])
    those = crowd(runners // ERRANDS, runners, half_m=half_m, reach_m=REACH_M)
    single_ms, found = _timed(lambda: solve(those.errands, those.runners))
    assert found.matches, "nobody was matched"
    parts = _regions(those)
    parts_ms, _each = _timed(lambda: [solve(part.errands, part.runners) for part in parts])
    searched_ms = Search(those).batched().ms[0] * len(those.errands)
    stored_s, read_s = inside.ask("maps.live_through", runners, half_m)
    return [single_ms, parts_ms, searched_ms, 1_000 * stored_s, 1_000 * read_s]


def _timed(work: Callable[[], T]) -> tuple[float, T]:
    begun = time.perf_counter()
    result = work()
    return (time.perf_counter() - begun) * 1_000, result


def _regions(those: Crowd) -> list[Crowd]:
    """Split a city into the areas that are matched by themselves, without what borders cost."""
    parts: defaultdict[str, Crowd] = defaultdict(lambda: Crowd([], []))
    for errand in those.errands:
        parts[area_of(errand.pickup, REGION)].errands.append(errand)
    for runner in those.runners:
        parts[area_of(runner.position, REGION)].runners.append(runner)
    return list(parts.values())


def _row(curve: Curve) -> Row:
    """The exponent by which a curve grows: the slope of its logarithms, by least squares."""
    exponent, _start = np.polyfit(np.log(curve.x), np.log(curve.y), 1)
    return Row(
        path=f"Growth of {curve.name}, {curve.x[0]:,.0f} → {curve.x[-1]:,.0f} runners",
        unit="(exponent)", ours=figure([float(exponent)]), mark=LINEAR,
        note=f"{curve.y[0]:.1f} → {curve.y[-1]:,.0f} ms; 1 is linear",
    )  # fmt: skip


if __name__ == "__main__":
    main(Options, measure)
