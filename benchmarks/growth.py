"""How the work grows with the city: a thousand runners to a hundred thousand, as dense as ever.

One point each: solve a matching run of the whole city (a fifth as many errands), find all its
candidates in one batch, store a position of every runner, read them all back.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from typing import NamedTuple

from benchmarks.candidates import Search
from benchmarks.engines import environment
from benchmarks.frame.program import main
from benchmarks.frame.rows import Curve, Report, Row, figure, no_more_than
from benchmarks.sides.crowd import crowd
from benchmarks.sides.product import Inside
from dispatch.matching import solve
from tests.services import RedisServer

SIZES = (1_000, 3_000, 10_000, 30_000, 100_000)
HALF_M = 2_000.0  # of a city of a thousand
REACH_M = 1_000.0
ERRANDS = 5  # runners for each
LINEAR = no_more_than(1.15)  # n · log n is 1.1 or so here
STEPS = ("a matching run", "its candidates", "positions stored", "positions read")


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
    begun = time.perf_counter()
    found = solve(those.errands, those.runners)
    solved = time.perf_counter()
    assert found.matches, "nobody was matched"
    searched_ms = Search(those).batched().ms[0] * len(those.errands)
    stored_s, read_s = inside.ask("maps.live_through", runners, half_m)
    return [1_000 * (solved - begun), searched_ms, 1_000 * stored_s, 1_000 * read_s]


def _row(curve: Curve) -> Row:
    """The exponent by which a curve grows from its first point to its last."""
    first, last = curve.y[0], curve.y[-1]
    exponent = math.log(last / first) / math.log(curve.x[-1] / curve.x[0])
    return Row(
        path=f"Growth of {curve.name}, {curve.x[0]:,.0f} → {curve.x[-1]:,.0f} runners",
        unit="(exponent)", ours=figure([exponent]), mark=LINEAR,
        note=f"{first:.1f} → {last:,.0f} ms; 1 is linear",
    )  # fmt: skip


if __name__ == "__main__":
    main(Options, measure)
