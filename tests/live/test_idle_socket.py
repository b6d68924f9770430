"""Sockets on the real web server and a real Redis: idle ones live, the server ends them well."""

from __future__ import annotations

import asyncio
import json
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from accounts.models import User
from accounts.tickets import issue
from balrottuieo.supervisor.plan import Plan, child_plans
from dispatch.services import message_send
from tests.live.databases import database_url
from tests.services import Service

pytestmark = [pytest.mark.live, pytest.mark.django_db(transaction=True)]

ROOT = Path(__file__).resolve().parents[2]
IDLE_S = 60
# Redis' blocking pop lasts 5 s: an idle socket that dies of it dies well before this.
PATIENCE_S = 10


class WebServer(Service):
    """The web child of `make run`, on the database and the Redis of the tests."""

    def command(self) -> tuple[str, ...]:
        plan = Plan(host="127.0.0.1", port=self.port, robots=False, redis_url=None)
        return next(child.command for child in child_plans(plan) if child.name == "web")

    def ready(self) -> bool:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/health/live", timeout=2):
                return True
        except (urllib.error.URLError, OSError):
            return False

    def runner(self, user: User) -> Any:
        """A runner's socket without any traffic of its own, not even pings."""
        address = f"ws://127.0.0.1:{self.port}/ws/runner/?ticket={issue(user.pk)}"
        return connect(address, ping_interval=None, max_size=None, open_timeout=PATIENCE_S)


@pytest.fixture
def server(transactional_db: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[WebServer]:
    monkeypatch.setenv("DATABASE_URL", database_url())
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    with WebServer() as running:
        yield running


async def heard(socket: ClientConnection) -> dict[str, Any]:
    message: dict[str, Any] = json.loads(await asyncio.wait_for(socket.recv(), PATIENCE_S))
    return message


async def ending(socket: ClientConnection) -> int:
    """Listen until the server closes, and return the code."""
    try:
        while True:
            await asyncio.wait_for(socket.recv(), PATIENCE_S)
    except ConnectionClosed as end:
        return end.rcvd.code if end.rcvd else 1006


def tell(user: User) -> None:
    message_send(runner_id=user.pk, kind="duty.changed", payload={"on_duty": True})


async def test_an_idle_socket_lives_and_a_restart_says_so(server: WebServer, bob: User) -> None:
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


async def test_frames_too_big_end_only_their_own_socket(server: WebServer, bob: User) -> None:
    async with server.runner(bob) as healthy:
        await heard(healthy)
        for size, code in ((40_000, 4413), (1_000_000, 1009)):
            async with server.runner(bob) as socket:
                await heard(socket)
                await socket.send("x" * size)
                assert await ending(socket) == code
        await healthy.send('{"type":"ping"}')
        assert await heard(healthy) == {"type": "pong"}
