"""The two servers of `make run` alone, and how sockets are listened to."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import httpx
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from accounts.models import User
from accounts.tickets import issue
from balrottuieo.supervisor.plan import Plan, child_plans
from tests.live.databases import database_url
from tests.services import Service

ROOT = Path(__file__).resolve().parents[2]

# Redis' blocking pop lasts 5 s: an idle socket that dies of it dies well before this.
PATIENCE_S = 10


class Server(Service):
    """One child of `make run`, on the database and the Redis of the tests."""

    name: str

    def __init__(self, **variables: str) -> None:
        super().__init__()
        self.variables = variables

    def command(self) -> tuple[str, ...]:
        plan = Plan(
            host="127.0.0.1", port=self.port, sockets_port=self.port, robots=False, redis_url=None
        )
        return next(child.command for child in child_plans(plan) if child.name == self.name)

    def workplace(self) -> Path:
        return ROOT

    def environment(self) -> dict[str, str]:
        return {**os.environ, "DATABASE_URL": database_url(), **self.variables}

    def ready(self) -> bool:
        try:
            return httpx.get(f"{self.url}/health/live", timeout=2, trust_env=False).is_success
        except httpx.TransportError:
            return False

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"


class WebServer(Server):
    """Pages and REST."""

    name = "web"


class SocketServer(Server):
    name = "sockets"

    def runner(self, user: User, *, after: int | None = None) -> Any:
        """A runner's socket without any traffic of its own, not even pings."""
        return self.socket(f"/ws/runner/{'' if after is None else f'?after={after}'}", user)

    def socket(self, path: str, user: User, **options: Any) -> Any:
        mark = "&" if "?" in path else "?"
        address = f"ws://127.0.0.1:{self.port}{path}{mark}ticket={issue(user.pk)}"
        return connect(
            address, ping_interval=None, max_size=None, open_timeout=PATIENCE_S, **options
        )

    def peak_mb(self) -> float:
        """How much memory the process held when it held most."""
        assert self._process is not None
        status = Path(f"/proc/{self._process.pid}/status").read_text()
        return int(status.partition("VmHWM:")[2].split()[0]) / 1024


class Site(NamedTuple):
    """Where the pages are, and where what they hear."""

    web: WebServer
    sockets: SocketServer

    def kill(self) -> None:
        for server in self:
            server.kill()

    def start(self) -> None:
        for server in self:
            server.start()


@contextmanager
def serving() -> Iterator[Site]:
    """Run both servers, as they know of each other."""
    site = Site(WebServer(), SocketServer())
    for server in site:
        server.variables.update(PUBLIC_URL=site.web.url, SOCKETS_PORT=str(site.sockets.port))
    with site.web, site.sockets:
        yield site


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
