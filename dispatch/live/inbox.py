"""One socket's end of what its process hears. It can't grow, however slow the socket is."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
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
        self._events: deque[dict[str, Any]] = deque(maxlen=MOST_UNHEARD)
        self._position = ""
        self._lost: Exception | None = None
        self._news = asyncio.Event()

    @classmethod
    async def open(cls) -> Self:
        return cls(groups_here(), topics_here())

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
                return self._events.popleft()
            if self._position:
                text, self._position = self._position, ""
                return {"type": "position.message", "text": text}
            self._news.clear()
            await self._news.wait()

    async def close(self) -> None:
        """Leave everything, unheard what still waits; a lost Redis has forgotten it anyway."""
        try:
            async with asyncio.timeout(TIMEOUT_S):
                for topic, hear in self._followed.items():
                    await self._topics.leave(topic, hear)
                await self._groups.leave(self._joined, self)
        except LAYER_LOST as error:
            logger.warning("a socket could not leave its groups: %r", error)

    # --- What the process tells it ---
    def put(self, event: dict[str, Any]) -> None:
        """Queue an event; of too many the oldest is dropped."""
        self._events.append(event)
        self._news.set()

    def show(self, text: str) -> None:
        """The latest position wins; one that still waits leaves it the way it had to tell."""
        if text:
            self._position = joined(self._position, text) if self._position else text
            self._news.set()

    def lose(self, error: Exception) -> None:
        self._lost = error
        self._news.set()
