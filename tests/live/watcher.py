"""A socket of one's own, to see whether it lives."""

from __future__ import annotations

import json
from contextlib import ExitStack
from types import TracebackType
from typing import Any, Self

import httpx
from websockets.sync.client import ClientConnection, connect

from tests.live.product import Product

PATIENCE_S = 15.0
LOGIN = "/api/v1/auth/app/v1/auth/login"
PASSWORD = "walk-with-us-2026"


def token_of(url: str, email: str) -> str:
    """Log a demo user in, and return the access token."""
    given = {"email": email, "password": PASSWORD}
    answer = httpx.post(f"{url}{LOGIN}", json=given, trust_env=False, timeout=PATIENCE_S)
    return str(answer.json()["meta"]["access_token"])


class Watcher:
    """The demo runner's socket, opened once and never again."""

    def __init__(self, product: Product) -> None:
        self._product = product
        self._open = ExitStack()

    def is_well(self) -> bool:
        """Whether the same socket still answers."""
        self._socket.send(json.dumps({"type": "ping", "id": "still here"}))
        while True:
            said: dict[str, Any] = json.loads(self._socket.recv(PATIENCE_S))
            if said["type"] == "pong":
                return bool(said["id"] == "still here")

    def __enter__(self) -> Self:
        token = token_of(self._product.url, "runner@example.com")
        connection = connect(
            f"{self._product.sockets_url}/ws/runner/",
            additional_headers={"Authorization": f"Bearer {token}"},
            proxy=None,
            open_timeout=PATIENCE_S,
        )
        self._socket: ClientConnection = self._open.enter_context(connection)
        assert self.is_well()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._open.close()
