"""What a process hears of Redis' own publishing: one connection for all of its sockets."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress

from redis.asyncio.client import PubSub
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from common.redis import async_client
from common.together import PerLoop
from dispatch.live.layer import LAYER_LOST

logger = logging.getLogger(__name__)

PAUSE_S = 0.5  # until a lost Redis is tried again
MISSED = ""  # what everybody hears after a loss: something may have been said meanwhile

# Of a connection that another task has just given up redis-py says that None has no writelines.
GONE = (*LAYER_LOST, AttributeError)

Hear = Callable[[str], None]


class Topics:
    """Listens from the first follower on; comes back by itself when Redis does."""

    def __init__(self) -> None:
        self._followers: dict[str, list[Hear]] = {}
        self._unconfirmed: dict[str, asyncio.Event] = {}
        self._ear: asyncio.Task[None] | None = None
        self._pubsub: PubSub | None = None  # while there is a connection

    async def follow(self, topic: str, hear: Hear) -> None:
        """Hear from now on, at once and in order, what is published on ``topic``.

        Waits for as long as Redis is away.
        """
        is_first = topic not in self._followers
        self._followers.setdefault(topic, []).append(hear)
        if is_first:
            self._unconfirmed[topic] = asyncio.Event()
            await self._try(PubSub.subscribe, topic)
        if self._ear is None:
            self._ear = asyncio.create_task(self._listen())
        if topic in self._unconfirmed:
            await self._unconfirmed[topic].wait()

    async def leave(self, followed: Mapping[str, Hear]) -> None:
        """Hear no more of them."""
        left = [topic for topic, hear in followed.items() if self._is_unheard(topic, hear)]
        if left:
            await self._try(PubSub.unsubscribe, *left)

    async def _try(self, command: Callable[..., Awaitable[None]], *topics: str) -> None:
        """Without a connection there is nothing to do: the next one begins with what holds then."""
        if self._pubsub is not None:
            with suppress(*GONE):
                await command(self._pubsub, *topics)

    def _is_unheard(self, topic: str, without: Hear) -> bool:
        followers = self._followers[topic]
        followers.remove(without)
        if not followers:
            del self._followers[topic]
            self._unconfirmed.pop(topic, None)
        return not followers

    async def _listen(self) -> None:
        while True:
            # A connection that is lost is given up with all it knew: the next starts from here.
            redis = async_client(retry=Retry(NoBackoff(), 0))
            try:
                async with redis, redis.pubsub() as pubsub:
                    await self._hear_all(pubsub)
            except GONE as error:
                logger.warning("positions are not heard for a while: %r", error)
            finally:
                self._pubsub = None
            self._tell_everybody(MISSED)
            await asyncio.sleep(PAUSE_S)

    async def _hear_all(self, pubsub: PubSub) -> None:
        await pubsub.connect()  # type: ignore[no-untyped-call]
        self._pubsub = pubsub
        if self._followers:
            await pubsub.subscribe(*self._followers)
        told: set[str] = set()
        while True:
            kind, topic, text = await pubsub.parse_response()
            if kind == "message":
                if topic in told:
                    # Whoever keeps up has taken the last one when this goes on.
                    await asyncio.sleep(0)
                    told.clear()
                told.add(topic)
                self._tell(topic, text)
            elif kind == "subscribe" and topic in self._unconfirmed:
                self._unconfirmed.pop(topic).set()

    def _tell(self, topic: str, text: str) -> None:
        for hear in self._followers.get(topic, ()):
            hear(text)

    def _tell_everybody(self, text: str) -> None:
        for topic in self._followers:
            self._tell(topic, text)


topics_here = PerLoop(Topics)
