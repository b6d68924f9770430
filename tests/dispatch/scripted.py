"""Real servers on loopback that answer by a script, for the robots' own tests."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, NamedTuple

from websockets.asyncio.server import ServerConnection, serve

CUT = -1  # instead of a status: close the connection without an answer


class Asked(NamedTuple):
    method: str
    path: str
    headers: dict[str, str]
    body: bytes


class Says(NamedTuple):
    status: int
    body: Any = None
    headers: dict[str, str] = {}


Script = Callable[[Asked], Says]


class Http:
    """Answers each request by the script, and remembers what it was asked."""

    def __init__(self, script: Script) -> None:
        self._script = script
        self.asked: list[Asked] = []
        self.url = ""

    async def talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked = await _read(reader)
        self.asked.append(asked)
        says = self._script(asked)
        if says.status != CUT:
            writer.write(_written(says))
            await writer.drain()
        writer.close()


@asynccontextmanager
async def http_server(script: Script) -> AsyncIterator[Http]:
    http = Http(script)
    server = await asyncio.start_server(http.talk, "127.0.0.1", 0)
    http.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    async with server:
        yield http


@asynccontextmanager
async def socket_server(talk: Callable[[ServerConnection], Awaitable[None]]) -> AsyncIterator[str]:
    """Run ``talk`` for every WebSocket that connects; yields the HTTP address of the server."""
    async with serve(talk, "127.0.0.1", 0) as server:
        port = next(iter(server.sockets)).getsockname()[1]
        yield f"http://127.0.0.1:{port}"


async def _read(reader: asyncio.StreamReader) -> Asked:
    head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
    method, path, _version = head[0].split(" ")
    pairs = (line.partition(": ") for line in head[1:] if line)
    headers = {name.lower(): value for name, _colon, value in pairs}
    body = await reader.readexactly(int(headers.get("content-length", "0")))
    return Asked(method, path, headers, body)


def _written(says: Says) -> bytes:
    body = b"" if says.body is None else json.dumps(says.body).encode()
    lines = [
        f"HTTP/1.1 {says.status} x",
        "content-type: application/json",
        f"content-length: {len(body)}",
        "connection: close",
        *(f"{name}: {value}" for name, value in says.headers.items()),
    ]
    return "\r\n".join([*lines, "", ""]).encode() + body
