"""The map of live positions in Redis, of any size. Runs where the settings are known."""

from __future__ import annotations

import asyncio
import time
from uuid import uuid4

from benchmarks.sides.city import CENTRE, places
from common import clock
from common.redis import client
from dispatch import locations
from dispatch.policy import Fix

AT_ONCE = 100


def live_through(runners: int, half_m: float) -> tuple[float, float]:
    """Have each of so many runners report once, then read them all as one run does.

    Returns the seconds of either.
    """
    client().flushdb()
    begun = time.perf_counter()
    asyncio.run(_report(runners, half_m))
    stored = time.perf_counter()
    found = locations.around([CENTRE], 1.5 * half_m)
    read = time.perf_counter()
    assert len(found) == runners, f"{len(found)} of {runners} are on the map"
    return stored - begun, read - stored


async def _report(runners: int, half_m: float) -> None:
    now = clock.now()
    fixes = [Fix(point.lat, point.lng, 8.5, now) for point in places(runners, half_m)]
    for at in range(0, runners, AT_ONCE):
        some = fixes[at : at + AT_ONCE]
        await asyncio.gather(*(locations.remember(uuid4(), [fix]) for fix in some))
