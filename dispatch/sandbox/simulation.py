"""One run: who takes part, how fast they post, when it is over."""

from __future__ import annotations

import asyncio
import logging
import random
import signal
import time
from collections.abc import Callable, Coroutine, Iterator
from dataclasses import dataclass
from itertools import islice

from dispatch.sandbox.habits import Habits
from dispatch.sandbox.requester import Requester
from dispatch.sandbox.runner import Runner
from dispatch.sandbox.staff import Staff
from dispatch.sandbox.stage import Stage
from dispatch.sandbox.tally import Tally
from dispatch.sandbox.wire import Trouble, Wire
from dispatch.sandbox.world import Order, Town

logger = logging.getLogger(__name__)

ERRAND_MINUTES = 25.0  # of the robots' time, from offer to proof
OVERHEAD_S = 8.0  # of real time for each errand, however fast robots walk
LOAD, DEMO_LOAD = 1.2, 0.7  # errands underway for each runner, who can carry three
FASTEST_POSTS_S = 0.4
MOST_LIVE_PER_RUNNER = 2.5
PROGRESS_S, DEMO_PROGRESS_S = 5.0, 60.0
FAREWELL_S = 3.0
POLL_S = 0.5


@dataclass(frozen=True, slots=True)
class Plan:
    """What was asked for; ``errands`` 0 posts without end, ``minutes`` 0 has no limit."""

    base_url: str
    runners: int
    errands: int
    speed: float
    seed: int
    minutes: float
    staff_email: str
    staff_password: str
    clock_skew: float = 0.0  # minutes, of the runners' phones

    @property
    def requesters(self) -> int:
        return max(3, min(20, (self.errands or 30) // 5))

    @property
    def seconds_between_posts(self) -> float:
        """Keep the runners busy; in the endless demo, leave some of them idle."""
        each = ERRAND_MINUTES * 60 / self.speed + OVERHEAD_S
        load = LOAD if self.errands else DEMO_LOAD
        return max(FASTEST_POSTS_S, each / self.runners / load)


class Simulation:
    """Lives inside one event loop; :meth:`run` returns what was counted."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._tally = Tally()
        rng = random.Random(f"{plan.seed}:habits")
        self._wire = Wire(plan.base_url, self._tally, rng)
        self._staff = Staff(self._wire, email=plan.staff_email, password=plan.staff_password)
        self._stage = Stage(
            town=Town(plan.seed), wire=self._wire, tally=self._tally, staff=self._staff,
            habits=Habits(rng), speed=plan.speed, rng=rng,
            clock_skew=plan.clock_skew,
        )  # fmt: skip
        self._runners = [Runner(n, self._stage) for n in range(1, plan.runners + 1)]
        self._requesters = [Requester(n, self._stage) for n in range(1, plan.requesters + 1)]
        self._all_posted = asyncio.Event()

    async def run(self) -> Tally:
        """Until all errands are over, time is up, or a signal asks to stop.

        Raises Refused or Unreachable when the demo staff can't log in.
        """
        try:
            await self._staff.log_in()
            await self._until_over()
            await self._say_goodbye()
        finally:
            await self._staff.close()
            await self._wire.close()
        return self._tally

    async def _until_over(self) -> None:
        life = asyncio.create_task(self._live())
        ends = [asyncio.create_task(end) for end in (self._all_over(), _asked_to_stop())]
        limit = self._plan.minutes * 60 or None
        await asyncio.wait([life, *ends], timeout=limit, return_when=asyncio.FIRST_COMPLETED)
        for task in (life, *ends):
            task.cancel()
        results = await asyncio.gather(life, *ends, return_exceptions=True)
        for result in results:
            if isinstance(result, Exception):
                raise result

    async def _live(self) -> None:
        async with asyncio.TaskGroup() as robots:
            for requester in self._requesters:
                robots.create_task(requester.live())
            for requester in self._requesters:
                await requester.ready.wait()
            for runner in self._runners:
                robots.create_task(runner.live())
            robots.create_task(self._report())
            await _until(lambda: self._on_line() >= len(self._runners) / 2)
            await self._post(robots)

    async def _post(self, robots: asyncio.TaskGroup) -> None:
        last: list[asyncio.Task[None]] = []
        for order in self._orders():
            await _until(lambda: len(self._tally.live) <= MOST_LIVE_PER_RUNNER * len(self._runners))
            requester = self._requesters[order.number % len(self._requesters)]
            last.append(robots.create_task(self._posted(requester, order)))
            last = [task for task in last if not task.done()]
            await asyncio.sleep(self._plan.seconds_between_posts)
        if last:
            await asyncio.wait(last)
        self._all_posted.set()

    async def _posted(self, requester: Requester, order: Order) -> None:
        await self._stage.guarded(requester.post(order))

    def _orders(self) -> Iterator[Order]:
        return islice(self._stage.town.orders(), self._plan.errands or None)

    async def _all_over(self) -> None:
        await self._all_posted.wait()
        await _until(lambda: not self._tally.live)

    async def _report(self) -> None:
        pause = PROGRESS_S
        while True:
            await asyncio.sleep(pause)
            runners = f"runners {self._on_line()}/{len(self._runners)}"
            logger.info("%s · %s", self._tally.line(), runners)
            if not self._plan.errands:
                pause = min(pause * 2, DEMO_PROGRESS_S)

    def _on_line(self) -> int:
        return sum(runner.on_line for runner in self._runners)

    async def _say_goodbye(self) -> None:
        """Runners go off duty, as far as the server still listens."""
        await asyncio.wait(
            [asyncio.create_task(_tried(runner.leave())) for runner in self._runners],
            timeout=FAREWELL_S,
        )


async def _until(true: Callable[[], bool]) -> None:
    while True:
        if true():
            return
        await asyncio.sleep(POLL_S)


async def _tried(action: Coroutine[None, None, None]) -> None:
    try:
        await action
    except Trouble:
        return


async def _asked_to_stop() -> None:
    """Return after SIGINT or SIGTERM."""
    asked = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, asked.set)
    await asked.wait()


def simulate(plan: Plan) -> Tally:
    """Run one simulation in an event loop of its own."""

    async def run() -> Tally:
        return await Simulation(plan).run()

    begun = time.monotonic()
    tally = asyncio.run(run())
    logger.info("robots stopped after %.0f s", time.monotonic() - begun)
    return tally
