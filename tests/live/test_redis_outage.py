"""Sockets that come and go, as after every outage, on a Redis that is not there for a while."""

from __future__ import annotations

import asyncio
from contextlib import suppress

import pytest
from pytest_django import Settings
from redis.exceptions import RedisError

from common.redis import async_client
from dispatch.live.topics import MISSED, Topics
from tests.services import RedisServer

pytestmark = [pytest.mark.live, pytest.mark.once, pytest.mark.timeout(120)]

PATIENCE_S = 15


def topic(number: int) -> str:
    return f"news.{number}"


class Crowd:
    """Sockets of one process; each leaves when it missed something, and comes back."""

    def __init__(self) -> None:
        self.topics = Topics()
        self.heard_by: set[int] = set()

    async def socket(self, number: int) -> None:
        while True:
            over = asyncio.Event()

            def hear(text: str, over: asyncio.Event = over) -> None:
                over.set() if text == MISSED else self.heard_by.add(number)

            with suppress(TimeoutError):
                async with asyncio.timeout(2):
                    await self.topics.follow(topic(number), hear)
                await over.wait()
            await self.topics.leave({topic(number): hear})
            await asyncio.sleep(0.05 * number)

    async def all_hear(self, size: int) -> None:
        self.heard_by.clear()
        async with asyncio.timeout(PATIENCE_S), async_client() as redis:
            while len(self.heard_by) < size:
                with suppress(RedisError):
                    for number in range(size):
                        await redis.publish(topic(number), "something")
                await asyncio.sleep(0.05)


async def test_everybody_hears_again_after_every_outage(settings: Settings) -> None:
    with RedisServer() as server:
        settings.REDIS_URL = server.url
        crowd = Crowd()
        async with asyncio.TaskGroup() as group:
            sockets = [group.create_task(crowd.socket(number)) for number in range(8)]
            for seconds in (0.0, 0.1, 0.6, 1.3, 2.2):
                await crowd.all_hear(len(sockets))
                await asyncio.to_thread(server.kill)
                await asyncio.sleep(seconds)
                await asyncio.to_thread(server.start)
            await crowd.all_hear(len(sockets))
            for each in sockets:
                each.cancel()
