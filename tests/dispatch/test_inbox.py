"""What a process hears for its sockets: bounded, in order, and again after Redis was away."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta
from itertools import pairwise
from uuid import UUID, uuid4

import pytest
from channels.layers import get_channel_layer
from pytest_django import Settings

from common import clock
from common.geo import Point
from common.redis import client
from dispatch import live
from dispatch.live.groups import Groups
from dispatch.live.inbox import MOST_UNHEARD, Inbox
from dispatch.live.topics import Topics
from dispatch.protocol import MAX_PATH
from tests.dispatch.stories import GANGNAM

PATIENCE_S = 10
ERRAND = UUID(int=7)


@asynccontextmanager
async def process() -> AsyncIterator[Inbox]:
    """An inbox as in a process of its own, with its own ears, that watches the errand."""
    inbox = Inbox(Groups(), Topics())
    await inbox.join("errand.news")
    await inbox.follow(live.position_topic(ERRAND))
    try:
        yield inbox
    finally:
        await inbox.close()


async def walk(number: int, *, upto: int | None = None) -> None:
    """Show the runner ``number`` steps from the start, or all the steps until there."""
    way = [north(step) for step in range(number, (upto or number) + 1)]
    both, now = [uuid4(), ERRAND], clock.now()
    await live.push_position(
        both, point=way[-1], recorded_at=now, eta_minutes={}, ways={ERRAND: way}
    )


def north(step: int) -> Point:
    return Point(round(GANGNAM.lat + step / 10_000, 4), GANGNAM.lng)


async def heard(inbox: Inbox) -> list[int]:
    """The steps of the next position message."""
    async with asyncio.timeout(PATIENCE_S):
        message = json.loads((await inbox.next())["text"])
    path = message.get("path", [[message["lat"], message["lng"]]])
    assert path[-1] == [message["lat"], message["lng"]]
    return [round((lat - GANGNAM.lat) * 10_000) for lat, _lng in path]


async def test_two_processes_on_one_redis_hear_the_same() -> None:
    async with process() as one, process() as other:
        for step in (1, 2, 3):
            await walk(step)
            assert [await heard(one), await heard(other)] == [[step], [step]]


async def test_who_left_hears_no_more_and_the_others_still_do() -> None:
    groups, topics = Groups(), Topics()
    async with AsyncExitStack() as stack:
        staying, leaving = Inbox(groups, topics), Inbox(groups, topics)
        for inbox in (staying, leaving):
            await inbox.join("errand.news")
            await inbox.follow(live.position_topic(ERRAND))
        await leaving.close()
        stack.push_async_callback(staying.close)
        await walk(1)
        assert await heard(staying) == [1]
        assert client().zcard("asgi:group:errand.news") == 1
    assert client().keys("asgi:group:*") == []
    assert client().pubsub_numsub(live.position_topic(ERRAND)) == [(live.position_topic(ERRAND), 0)]


async def test_when_all_have_left_the_next_one_hears_at_once() -> None:
    """As after every outage: each socket is told to come again, and comes."""
    groups, topics = Groups(), Topics()
    for step in range(20):
        inbox = Inbox(groups, topics)
        await inbox.join("errand.news")
        await inbox.follow(live.position_topic(ERRAND))
        await walk(step)
        assert await heard(inbox) == [step]
        await get_channel_layer().group_send(
            "errand.news", {"type": "tick", "group": "errand.news"}
        )
        assert (await inbox.next())["type"] == "tick"
        await inbox.close()


async def test_every_position_reaches_who_keeps_up_and_a_slow_one_gets_the_way() -> None:
    steps = list(range(1, 41))
    groups, topics = Groups(), Topics()
    slow, quick = Inbox(groups, topics), Inbox(groups, topics)
    for inbox in (slow, quick):
        await inbox.follow(live.position_topic(ERRAND))

    async def listen() -> list[list[int]]:
        return [await heard(quick) for _ in steps]

    listening = asyncio.create_task(listen())
    await asyncio.gather(*(walk(step) for step in steps))  # all at once
    assert await listening == [[step] for step in steps]
    assert await heard(slow) == steps  # one message, and no hole in the line
    for inbox in (slow, quick):
        await inbox.close()


async def test_the_way_of_a_slow_one_is_bounded_and_keeps_its_ends() -> None:
    async with process() as slow:
        for first in range(0, 500, 50):
            await walk(first, upto=first + 49)
        while (steps := await heard(slow))[-1] != 499:
            pass
    assert len(steps) <= MAX_PATH
    assert steps == sorted(steps)
    assert max(b - a for a, b in pairwise(steps)) <= 2 * 500 / (MAX_PATH - 1)


async def test_the_queue_of_a_socket_can_not_grow() -> None:
    inbox = await live.Inbox.open()
    for number in range(MOST_UNHEARD + 10):
        inbox.put({"type": "tick", "number": number})
    assert (await inbox.next())["number"] == 10


async def until_heard(inbox: Inbox, step: int) -> None:
    """Walk on the spot until it is heard: nobody knows when a connection is back."""
    async with asyncio.timeout(PATIENCE_S):
        while True:
            await walk(step)
            try:
                async with asyncio.timeout(0.2):
                    await inbox.next()
                    return
            except TimeoutError:
                continue


async def test_positions_flow_again_after_a_lost_connection() -> None:
    missed: list[str] = []
    inbox = Inbox(Groups(), Topics())
    await inbox.follow("a runner's news", missed.append)
    await inbox.follow(live.position_topic(ERRAND))
    await walk(1)
    assert await heard(inbox) == [1]
    client().client_kill_filter(_type="pubsub")
    await until_heard(inbox, 2)
    assert missed == [""]  # something may have been said meanwhile
    client().publish("a runner's news", "of another socket")
    await until_heard(inbox, 3)
    assert missed == ["", "of another socket"]
    await inbox.close()


async def test_a_lost_position_fails_nobody(
    settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    settings.REDIS_URL = "redis://127.0.0.1:1/0"  # a port that nobody listens on
    await walk(1)
    assert "lost 1 positions" in caplog.text


def test_a_position_can_be_shown_from_ordinary_code() -> None:
    async def watched() -> list[int]:
        async with process() as inbox:
            await asyncio.to_thread(
                live.push_position_now, [ERRAND], point=north(5),
                recorded_at=clock.now() - timedelta(seconds=1), eta_minutes={ERRAND: 2.0},
            )  # fmt: skip
            return await heard(inbox)

    assert asyncio.run(watched()) == [5]
