"""One socket's end of what its process hears. It can't grow, however slow the socket is."""

from __future__ import annotations

import asyncio
import logging
from typing import Any, Self

from dispatch.live.groups import Groups, groups_here
from dispatch.live.layer import LAYER_LOST, TIMEOUT_S
from dispatch.live.positions import joined
from dispatch.live.topics import Hear, Topics, topics_here

logger = logging.getLogger(__name__)

MOST_UNHEARD = 500  # numbered messages; what is dropped then is read from the database


class Inbox:
    """Numbered messages in a short queue, and one position."""

    def __init__(self, groups: Groups, topics: Topics) -> None:
        self._groups, self._joined = groups, set[str]()
        self._topics, self._followed = topics, dict[str, Hear]()
        self._events: list[dict[str, Any]] = []
        self._position = ""
        self._lost: Exception | None = None
        self._waiter: asyncio.Future[None] | None = None

    @classmethod
    async def open(cls) -> Self:
        return cls(groups_here(), topics_here())

    @property
    def holds_something(self) -> bool:
        return bool(self._events or self._position or self._lost)

    @property
    def joined(self) -> frozenset[str]:
        return frozenset(self._joined)

    async def join(self, *groups: str) -> None:
        """Hear what is sent to ``groups``; joining again repairs what Redis forgot."""
        self._joined.update(groups)
        async with asyncio.timeout(TIMEOUT_S):
            await self._groups.join(groups, self)

    async def follow(self, topic: str, hear: Hear | None = None) -> None:
        """Hear what is published on ``topic``; without ``hear`` as positions."""
        if topic not in self._followed:
            self._followed[topic] = hear or self.show
            async with asyncio.timeout(TIMEOUT_S):
                await self._topics.follow(topic, self._followed[topic])

    async def next(self) -> dict[str, Any]:
        """Wait for the next event. Raises one of LAYER_LOST when some may have been missed."""
        while True:
            if self._lost is not None:
                raise self._lost
            if self._events:
                return self._events.pop(0)
            if self._position:
                text, self._position = self._position, ""
                return {"type": "position.message", "text": text}
            # An event or a queue of asyncio would make every idle socket a kilobyte larger.
            self._waiter = asyncio.get_running_loop().create_future()
            await self._waiter

    async def close(self) -> None:
        """Leave everything, unheard what still waits; a lost Redis has forgotten it anyway."""
        try:
            async with asyncio.timeout(TIMEOUT_S):
                # At once, so that one that fails does not keep this inbox in the other.
                await asyncio.gather(
                    self._topics.leave(self._followed), self._groups.leave(self._joined, self)
                )
        except LAYER_LOST as error:
            logger.warning("a socket could not leave its groups: %r", error)

    # --- What the process tells it ---
    def put(self, event: dict[str, Any]) -> None:
        """Queue an event; of too many the oldest is dropped."""
        self._events.append(event)
        del self._events[:-MOST_UNHEARD]
        self._wake()

    def show(self, text: str) -> None:
        """The latest position wins; one that still waits leaves it the way it had to tell."""
        if text:
            self._position = joined(self._position, text) if self._position else text
            self._wake()

    def lose(self, error: Exception) -> None:
        self._lost = error
        self._wake()

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)
