"""What a process hears of Redis' own publishing: one connection for all of its sockets."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from redis.asyncio.client import PubSub
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from common.redis import async_client
from common.together import PerLoop
from dispatch.live.layer import LAYER_LOST

logger = logging.getLogger(__name__)

PAUSE_S = 0.5  # until a lost Redis is tried again
MISSED = ""  # what everybody hears after a loss: something may have been said meanwhile

Hear = Callable[[str], None]


class Topics:
    """Listens while anybody follows a topic; comes back by itself when Redis does."""

    def __init__(self) -> None:
        self._followers: dict[str, list[Hear]] = {}
        self._unconfirmed: dict[str, asyncio.Event] = {}
        self._ear: asyncio.Task[None] | None = None
        self._pubsub: PubSub | None = None  # while there is a connection

    async def follow(self, topic: str, hear: Hear) -> None:
        """Hear from now on, at once and in order, what is published on ``topic``.

        Raises one of LAYER_LOST.
        """
        is_first = topic not in self._followers
        self._followers.setdefault(topic, []).append(hear)
        if is_first:
            self._unconfirmed[topic] = asyncio.Event()
            if self._pubsub is not None:
                await self._pubsub.subscribe(topic)
        if self._ear is None:
            self._ear = asyncio.create_task(self._listen())
        if topic in self._unconfirmed:
            await self._unconfirmed[topic].wait()

    async def leave(self, topic: str, hear: Hear) -> None:
        """Raises one of LAYER_LOST."""
        followers = self._followers[topic]
        followers.remove(hear)
        if followers:
            return
        del self._followers[topic]
        self._unconfirmed.pop(topic, None)
        if self._pubsub is not None:
            await self._pubsub.unsubscribe(topic)
        if not self._followers and self._ear is not None:
            self._ear.cancel()
            self._ear = None

    async def _listen(self) -> None:
        while True:
            # A connection that is lost is given up with all it knew: the next starts from here.
            redis = async_client(retry=Retry(NoBackoff(), 0))
            try:
                async with redis, redis.pubsub() as pubsub:
                    await self._hear_all(pubsub)
            except LAYER_LOST as error:
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
