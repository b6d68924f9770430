"""Doing something at a steady pace."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable


async def every(interval_s: float, seconds: float, work: Callable[[int], None]) -> int:
    """Call ``work(0…)`` evenly for ``seconds``, catching up when late; return how often."""
    begun = time.perf_counter()
    number = 0
    while (passed := time.perf_counter() - begun) < seconds:
        due = int(passed / interval_s) + 1
        while number < due:
            work(number)
            number += 1
        await asyncio.sleep(max(0.0005, number * interval_s - (time.perf_counter() - begun)))
    return number
