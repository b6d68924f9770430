"""A socket of one's own, to see whether it lives."""

from __future__ import annotations

import json
from types import TracebackType
from typing import Any, Self

import httpx
from websockets.sync.client import ClientConnection, connect

PATIENCE_S = 15.0
LOGIN = "/api/v1/auth/app/v1/auth/login"
RUNNER = {"email": "runner@example.com", "password": "walk-with-us-2026"}


class Watcher:
    """The demo runner's socket, opened once and never again."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._socket: ClientConnection | None = None

    def is_well(self) -> bool:
        """Whether the same socket still answers."""
        assert self._socket is not None
        self._socket.send(json.dumps({"type": "ping", "id": "still here"}))
        while True:
            said: dict[str, Any] = json.loads(self._socket.recv(PATIENCE_S))
            if said["type"] == "pong":
                return bool(said["id"] == "still here")

    def __enter__(self) -> Self:
        answer = httpx.post(f"{self._url}{LOGIN}", json=RUNNER, trust_env=False, timeout=PATIENCE_S)
        token = answer.json()["meta"]["access_token"]
        self._socket = connect(
            f"{self._url.replace('http', 'ws', 1)}/ws/runner/",
            additional_headers={"Authorization": f"Bearer {token}"},
            proxy=None,
            open_timeout=PATIENCE_S,
        )
        assert self.is_well()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._socket is not None:
            self._socket.close()
