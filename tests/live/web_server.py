"""The web child of `make run` alone, and how its sockets are listened to."""

from __future__ import annotations

import asyncio
import json
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from accounts.models import User
from accounts.tickets import issue
from balrottuieo.supervisor.plan import Plan, child_plans
from tests.services import Service

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
