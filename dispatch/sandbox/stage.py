"""What all robots share, and how they get over trouble."""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TypeVar

from dispatch.sandbox.account import Account
from dispatch.sandbox.api import Api
from dispatch.sandbox.habits import Habits
from dispatch.sandbox.photos import proof_photo
from dispatch.sandbox.staff import Staff
from dispatch.sandbox.tally import Tally
from dispatch.sandbox.wire import Changed, Refused, Unreachable, Wire, new_key
from dispatch.sandbox.world import Town

T = TypeVar("T")
RETRY_S = 2.0
AT_THE_DOOR = 3

logger = logging.getLogger(__name__)


@dataclass(slots=True)
class Stage:
    """One run: the town, the connection, the counters, and how fast time goes by (``speed``).

    The clocks of the robots' phones are ``clock_skew`` minutes off.
    """

    town: Town
    wire: Wire
    tally: Tally
    staff: Staff
    habits: Habits
    speed: float
    rng: random.Random
    clock_skew: float = 0.0
    doors: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(AT_THE_DOOR))
    run: str = field(default_factory=new_key)
    # A robot at the door is told the PIN by whoever opens; requesters write it here.
    pins: dict[tuple[str, str], str] = field(default_factory=dict)

    def api_for(self, role: str, number: int) -> Api:
        """Return the way in of the ``number``-th robot; the same account for the same seed."""
        name = f"robot-{role}-{self.town.seed}-{number}"
        account = Account(
            self.wire, email=f"{name}@example.com", password=f"sandbox-only:{name[::-1]}"
        )
        return Api(self.wire, account)

    async def settle_in(self, api: Api, nickname: str) -> None:
        """Sign up or log in, a few robots at a time: passwords cost the server much."""
        async with self.doors:
            await api.account.open()
        if (await api.get("/me"))["nickname"] != nickname:
            await api.patch("/me", {"nickname": nickname})

    def seconds(self, minutes: float) -> float:
        """Return the real seconds that ``minutes`` of the robots' time take."""
        return minutes * 60 / self.speed

    def clock_ahead(self, number: int) -> timedelta:
        """Return how far the ``number``-th phone's clock is ahead; every other one is behind."""
        return timedelta(minutes=self.clock_skew if number % 2 else -self.clock_skew)

    def photo(self) -> bytes:
        return proof_photo(self.rng)

    async def insist(self, action: Callable[[], Awaitable[bool]]) -> None:
        """Try ``action`` until it says that it is done."""
        while True:
            if await self.guarded(action()):
                return
            await asyncio.sleep(RETRY_S)

    async def guarded(self, action: Awaitable[T]) -> T | None:
        """Await ``action``; count what goes wrong and return None, so that robots go on."""
        try:
            return await action
        except (Changed, Refused):
            return None  # a refusal was counted where the answer came in
        except Unreachable as error:
            self.tally.error("unreachable", str(error))
        except (LookupError, TypeError, ValueError) as error:
            # Not what was agreed: worth a traceback, not worth the other robots.
            logger.exception("unexpected answer")
            self.tally.error("unexpected_answer", repr(error))
        return None
