"""Sockets on the real web server and a real Redis: idle ones live, the server ends them well."""

from __future__ import annotations

import asyncio

import pytest

from accounts.models import User
from dispatch.services import message_send
from tests.live.web_server import SocketServer, ending, heard

pytestmark = [pytest.mark.live, pytest.mark.django_db(transaction=True)]

IDLE_S = 60


def tell(user: User) -> None:
    message_send(runner_id=user.pk, kind="duty.changed", payload={"on_duty": True})


async def test_an_idle_socket_lives_and_a_restart_says_so(server: SocketServer, bob: User) -> None:
    async with server.runner(bob) as socket:
        assert (await heard(socket))["type"] == "hello"
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(socket.recv(), IDLE_S)
        await asyncio.to_thread(tell, bob)
        assert (await heard(socket))["type"] == "duty.changed"
        await socket.send('{"type":"ping","id":"still here"}')
        assert await heard(socket) == {"type": "pong", "id": "still here"}
        stopping = asyncio.create_task(asyncio.to_thread(server.close))
        assert await ending(socket) == 1012
        await stopping


async def test_frames_too_big_end_only_their_own_socket(server: SocketServer, bob: User) -> None:
    async with server.runner(bob) as healthy:
        await heard(healthy)
        for size, code in ((40_000, 4413), (1_000_000, 1009)):
            async with server.runner(bob) as socket:
                await heard(socket)
                await socket.send("x" * size)
                assert await ending(socket) == code
        await healthy.send('{"type":"ping"}')
        assert await heard(healthy) == {"type": "pong"}
