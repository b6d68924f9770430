"""A client of the whole ASGI stack that holds the server to its document.

Every frame it hears is checked against ``docs/asyncapi.yaml``.
"""

from __future__ import annotations

import asyncio
import json
from types import TracebackType
from typing import Any, Self

from asgiref.testing import ApplicationCommunicator

from accounts.models import User
from accounts.tickets import issue
from balrottuieo.asgi import application
from tests.dispatch import asyncapi

PATIENCE_S = 10
HOST = b"testserver"


class Ended(Exception):
    """The server closed the socket with ``code``."""

    def __init__(self, code: int) -> None:
        self.code = code
        super().__init__(str(code))


class Client:
    """Use it as an ``async with`` block. ``user`` comes in by a fresh ticket."""

    def __init__(
        self, path: str, *, user: User | None = None, headers: dict[str, str] | None = None
    ) -> None:
        if user is not None:
            path += f"{'&' if '?' in path else '?'}ticket={issue(user.pk)}"
        self.channel = asyncapi.channel_of(path)
        self.heard: list[dict[str, Any]] = []
        where, _mark, query = path.partition("?")
        given = {"host": HOST.decode(), "accept-language": "en", **(headers or {})}
        communicator: Any = ApplicationCommunicator  # asgiref says nothing about its types
        self._stack = communicator(
            application,
            {
                "type": "websocket",
                "path": where,
                "raw_path": where.encode(),
                "query_string": query.encode(),
                "headers": [(name.encode(), value.encode()) for name, value in given.items()],
                "subprotocols": [],
                "scheme": "ws",
            },
        )

    async def __aenter__(self) -> Self:
        await self._stack.send_input({"type": "websocket.connect"})
        accepted = await self._stack.receive_output(PATIENCE_S)
        assert accepted["type"] == "websocket.accept"
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if not self._stack.future.done():
            await self._stack.send_input({"type": "websocket.disconnect", "code": 1000})
        await asyncio.wait_for(self._stack.future, PATIENCE_S)

    async def send(self, *, text: str | None = None, data: bytes | None = None) -> None:
        """Send a frame as it is."""
        await self._stack.send_input({"type": "websocket.receive", "text": text, "bytes": data})

    async def say(self, type_: str, **fields: Any) -> None:
        await self.send(text=json.dumps({"type": type_, **fields}))

    async def hear(self, *expected: str) -> dict[str, Any]:
        """Return the next message; its type must be among ``expected``. Raises Ended."""
        event = await self._stack.receive_output(PATIENCE_S)
        if event["type"] == "websocket.close":
            raise Ended(event["code"])
        message: dict[str, Any] = json.loads(event["text"])
        asyncapi.check(message, channel=self.channel)
        self.heard.append(message)
        assert message["type"] in expected, message
        return message

    async def ask(self, type_: str, *expected: str, **fields: Any) -> dict[str, Any]:
        await self.say(type_, **fields)
        return await self.hear(*expected)

    async def ending(self) -> int:
        """Listen until the server closes, and return the code."""
        try:
            while True:
                await self.hear(*asyncapi.messages(self.channel, "send"))
        except Ended as end:
            return end.code

    async def is_well(self) -> bool:
        return await self.ask("ping", "pong", id="well") == {"type": "pong", "id": "well"}

    @property
    def types_heard(self) -> set[str]:
        return {message["type"] for message in self.heard}
