"""Clients that do not read: the server keeps little for them, and sends them away."""

from __future__ import annotations

import asyncio
import json
import select
import socket
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import datetime
from typing import Any

import pytest
from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosed

from accounts.models import User
from common import clock
from common.redis import client as redis_client
from dispatch import live
from dispatch.consumers.base import in_database
from dispatch.protocol import CloseCode
from dispatch.services import message_send
from tests.conftest import PICKUP
from tests.dispatch.stories import accepted
from tests.live.web_server import SocketServer, heard
from tests.services import wait_for

pytestmark = [pytest.mark.live, pytest.mark.once, pytest.mark.django_db(transaction=True)]

SLEEPERS = 8
MESSAGES, FILLER = 400, "여" * 7_000  # 8 MB: far more than the kernels of both sides keep
POSITIONS, BATCH = 4_000, 200
MOST_MB = 32
PINGS = 600_000
PING = b"\x89\xfd" + bytes(4) + bytes(125)


class Sleeper:
    """A socket with a tiny buffer; hears its hello and then reads nothing, until it wakes up."""

    def __init__(self, connection: ClientConnection, opened: socket.socket) -> None:
        self.connection = connection
        self._poll = select.poll()
        self._poll.register(opened, 0)  # asks only whether it is broken

    def is_cut_off(self) -> bool:
        return bool(self._poll.poll(0))

    async def wake_up(self) -> tuple[list[dict[str, Any]], int]:
        """Return what still arrived, and the code that ended it: 1006 is none."""
        self.connection.transport.resume_reading()
        messages = []
        try:
            while True:
                messages.append(await heard(self.connection))
        except ConnectionClosed as end:
            return messages, end.rcvd.code if end.rcvd else 1006


@asynccontextmanager
async def asleep(server: SocketServer, path: str, user: User) -> AsyncIterator[Sleeper]:
    opened = socket.socket()
    opened.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
    opened.connect(("127.0.0.1", server.port))
    opened.setblocking(False)
    connection = await server.socket(path, user, sock=opened, compression=None)
    await heard(connection)
    connection.transport.pause_reading()
    yield Sleeper(connection, opened)
    connection.transport.abort()


async def cut_off(*sleepers: Sleeper) -> None:
    """Wait until all of them are."""
    await asyncio.to_thread(
        wait_for, lambda: all(each.is_cut_off() for each in sleepers), what="cutting them off"
    )


def members(group: str) -> int:
    found: Any = redis_client().zcard(f"asgi:group:{group}")
    return int(found)


async def nobody_left_in(group: str) -> None:
    """Wait until the server has left the group: a process is in it while any of its sockets is."""
    await asyncio.to_thread(wait_for, lambda: members(group) == 0, what=f"leaving {group}")


def send_all(user: User) -> None:
    for _ in range(MESSAGES):
        payload = {"on_duty": True, "filler": FILLER}
        message_send(runner_id=user.pk, kind="duty.changed", payload=payload)


async def numbers(connection: ClientConnection, count: int) -> list[int]:
    return [(await heard(connection))["sequence"] for _ in range(count)]


async def test_who_does_not_read_is_dropped_and_misses_nothing(
    server: SocketServer, bob: User
) -> None:
    whole = list(range(1, MESSAGES + 1))
    async with AsyncExitStack() as stack, server.runner(bob) as healthy:
        await heard(healthy)
        sleepers = [
            await stack.enter_async_context(asleep(server, "/ws/runner/", bob))
            for _ in range(SLEEPERS)
        ]
        before = server.peak_mb()
        sending = asyncio.create_task(asyncio.to_thread(send_all, bob))
        assert await numbers(healthy, MESSAGES) == whole
        await sending

        await cut_off(*sleepers)
        assert members(live.runner_group(bob.pk)) == 1  # the healthy one's
        await healthy.close()
        await nobody_left_in(live.runner_group(bob.pk))
        assert server.peak_mb() - before < MOST_MB
        for sleeper in sleepers:
            messages, code = await sleeper.wake_up()
            assert code == 1006
            seen = [message["sequence"] for message in messages]
            assert len(seen) < MESSAGES
            async with server.runner(bob, after=len(seen)) as again:
                assert (await heard(again))["reset"] is False
                assert seen + await numbers(again, MESSAGES - len(seen)) == whole
                await again.send('{"type":"ping"}')
                assert await heard(again) == {"type": "pong"}


async def test_who_wakes_up_in_time_is_told_why(server: SocketServer, bob: User) -> None:
    async with asleep(server, "/ws/runner/", bob) as sleeper:
        sending = asyncio.create_task(asyncio.to_thread(send_all, bob))
        await asyncio.to_thread(
            wait_for, lambda: "read too slowly" in server.log.read_text(), what="giving up"
        )
        assert (await sleeper.wake_up())[1] == CloseCode.TOO_SLOW
        await sending


async def test_thousands_of_positions_reach_who_reads_them(
    server: SocketServer, alice: User, bob: User, now: datetime
) -> None:
    errand = await in_database(accepted, alice, bob, now=now)
    path = f"/ws/errands/{errand.pk}/"
    async with asleep(server, path, alice) as sleeper, server.socket(path, alice) as healthy:
        assert (await heard(healthy))["type"] == "hello"
        for first in range(0, POSITIONS, BATCH):
            batch = [float(number) for number in range(first, first + BATCH)]
            for minutes in batch:
                await live.push_position(
                    [errand.pk], point=PICKUP, recorded_at=clock.now(),
                    eta_minutes={errand.pk: minutes},
                )  # fmt: skip
            assert [(await heard(healthy))["eta_minutes"] for _ in batch] == batch
        await cut_off(sleeper)
        assert members(live.errand_group(errand.pk)) == 1  # the healthy one's
        await healthy.close()
        await nobody_left_in(live.errand_group(errand.pk))


async def test_pings_of_who_reads_no_answer_are_not_kept(server: SocketServer, bob: User) -> None:
    async with server.runner(bob) as healthy, asleep(server, "/ws/runner/", bob) as sleeper:
        before = server.peak_mb()
        sleeper.connection.transport.write(PING * PINGS)
        await cut_off(sleeper)
        assert server.peak_mb() - before < MOST_MB
        await heard(healthy)
        await healthy.send(json.dumps({"type": "ping"}))
        assert await heard(healthy) == {"type": "pong"}
