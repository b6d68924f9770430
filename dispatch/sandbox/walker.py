"""Legs: a runner's way through the streets, told to the phone about once a second."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable

from common.geo import WALKING_MPS, Point, metres_between
from dispatch.sandbox.phone import Phone
from dispatch.sandbox.stage import Stage
from dispatch.sandbox.world import street_route, towards

TICK_S = 1.0
STANDING_REPORT_S = 10.0

Wanted = Callable[[], bool]


def always() -> bool:
    return True


class Walker:
    """Where a robot is, and how it gets elsewhere at 1.2 m/s times the speed of the run."""

    def __init__(self, stage: Stage, phone: Phone, start: Point, rng: random.Random) -> None:
        self._stage = stage
        self._phone = phone
        self._rng = rng
        self._told = 0.0
        self.mps = WALKING_MPS * stage.speed
        self.position = start

    async def go(self, end: Point, *, wanted: Wanted = always, share: float = 1.0) -> None:
        """Walk to ``end``, or ``share`` of the way; stop as soon as it is not ``wanted``."""
        for corner in street_route(self.position, end, self._rng):
            part = metres_between(self.position, corner) * share
            goal = towards(self.position, corner, part)
            while self.position != goal and wanted():
                await self._step(goal)

    async def wait(self, minutes: float, *, wanted: Wanted = always) -> None:
        """Stay here for ``minutes`` of the robots' time, still reporting."""
        until = time.monotonic() + self._stage.seconds(minutes)
        while (left := until - time.monotonic()) > 0 and wanted():
            await asyncio.sleep(min(left, TICK_S))
            if time.monotonic() - self._told > STANDING_REPORT_S:
                await self._tell(0.0)

    async def _step(self, goal: Point) -> None:
        seconds = min(TICK_S, metres_between(self.position, goal) / self.mps)
        await asyncio.sleep(seconds)
        self.position = towards(self.position, goal, self.mps * seconds + 0.01)
        if time.monotonic() - self._told >= TICK_S * 0.9:
            await self._tell(self.mps)

    async def _tell(self, speed: float) -> None:
        self._told = time.monotonic()
        await self._stage.guarded(self._phone.report(self.position, speed=speed))
