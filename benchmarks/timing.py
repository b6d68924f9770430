"""How long something took: once, again and again, or by many threads at once."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import NamedTuple, TypeVar

from django.db import connection, connections

T = TypeVar("T")

GATE_S = 20


class Sample(NamedTuple):
    """The milliseconds that each one took, and the seconds that all of them took together."""

    ms: list[float]
    seconds: float


def milliseconds(work: Callable[[], object]) -> float:
    begun = time.perf_counter()
    work()
    return (time.perf_counter() - begun) * 1_000


def together(work: Callable[[int], T], threads: int) -> tuple[list[T], float]:
    """Run ``work(0…)`` on threads that begin at once, each with an open database connection.

    Returns what each returned, and the seconds from the first beginning to the last end.
    """
    gate = Barrier(threads)

    def run(number: int) -> tuple[T, float, float]:
        try:
            connection.ensure_connection()
            gate.wait(GATE_S)
            begun = time.perf_counter()
            return work(number), begun, time.perf_counter()
        finally:
            connections.close_all()

    with ThreadPoolExecutor(threads) as pool:
        results, begun, ended = zip(*pool.map(run, range(threads)), strict=True)
    return list(results), max(ended) - min(begun)
