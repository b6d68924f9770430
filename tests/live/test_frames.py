"""Frames in every shape that a client may send them, cut anywhere: the server's shorter way for
plain ones reads the same out of them as the library."""

from __future__ import annotations

import asyncio
import base64
import json
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from accounts.models import User
from accounts.tickets import issue
from tests.live.web_server import SocketServer

pytestmark = [pytest.mark.live, pytest.mark.once, pytest.mark.django_db(transaction=True)]

PATIENCE_S = 10
TEXT, CONTINUATION, CLOSE, PING, PONG = 1, 0, 8, 9, 10
MASK = b"\x12\x34\x56\x78"


def frame(
    payload: bytes, *, opcode: int = TEXT, final: bool = True, masked: bool = True, width: int = 0
) -> bytes:
    """As RFC 6455 has it; ``width`` spends 2 or 8 bytes on the length, needed or not."""
    size = len(payload)
    width = width or (0 if size < 126 else 2 if size < 65_536 else 8)
    code = {0: size, 2: 126, 8: 127}[width]
    head = bytes((opcode | (0x80 if final else 0), code | (0x80 if masked else 0)))
    head += size.to_bytes(width, "big") if width else b""
    if not masked:
        return head + payload
    return head + MASK + bytes(byte ^ MASK[i % 4] for i, byte in enumerate(payload))


def ping(name: str, filler: int = 0) -> bytes:
    return (json.dumps({"type": "ping", "id": name}) + " " * filler).encode()


class Raw:
    """A client that writes bytes and reads frames."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer

    def write(self, data: bytes) -> None:
        self._writer.write(data)

    async def write_slowly(self, data: bytes, step: int) -> None:
        for at in range(0, len(data), step):
            self._writer.write(data[at : at + step])
            await self._writer.drain()
            await asyncio.sleep(0.001)

    async def read(self) -> tuple[int, bytes]:
        """Return the opcode and the payload of the next frame."""
        async with asyncio.timeout(PATIENCE_S):
            first, size = await self._reader.readexactly(2)
            if size == 126:
                size = int.from_bytes(await self._reader.readexactly(2), "big")
            return first & 15, await self._reader.readexactly(size)

    async def pong(self) -> Any:
        """The name that the next message answers."""
        opcode, payload = await self.read()
        assert opcode == TEXT, (opcode, payload)
        message = json.loads(payload)
        assert message["type"] == "pong", message
        return message["id"]

    async def ending(self) -> int:
        while True:
            opcode, payload = await self.read()
            if opcode == CLOSE:
                return int.from_bytes(payload[:2], "big")


@asynccontextmanager
async def opened(server: SocketServer, user: User) -> AsyncIterator[Raw]:
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    key = base64.b64encode(os.urandom(16)).decode()
    writer.write(
        f"GET /ws/runner/?ticket={issue(user.pk)} HTTP/1.1\r\nHost: 127.0.0.1:{server.port}\r\n"
        f"Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
        f"Sec-WebSocket-Extensions: permessage-deflate\r\nSec-WebSocket-Key: {key}\r\n\r\n".encode()
    )
    async with asyncio.timeout(PATIENCE_S):
        head = await reader.readuntil(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 101 ")
    assert b"extensions" not in head.lower()
    client = Raw(reader, writer)
    assert json.loads((await client.read())[1])["type"] == "hello"
    yield client
    writer.close()
    await writer.wait_closed()


async def test_frames_are_read_however_they_come(server: SocketServer, bob: User) -> None:
    async with opened(server, bob) as client:
        client.write(frame(ping("one")) + frame(ping("two")) + frame(ping("three"))[:9])
        assert [await client.pong(), await client.pong()] == ["one", "two"]
        client.write(frame(ping("three"))[9:])
        assert await client.pong() == "three"

        for step, filler, width in (
            (1, 0, 0),
            (1, 200, 2),
            (3, 0, 2),
            (7, 0, 8),
            (4_096, 30_000, 8),
        ):
            await client.write_slowly(frame(ping("slow", filler), width=width), step)
            assert await client.pong() == "slow"

        parts = ping("in parts")
        client.write(frame(parts[:5], final=False))
        client.write(frame(b"still there?", opcode=PING))
        client.write(frame(parts[5:9], opcode=CONTINUATION, final=False))
        client.write(frame(parts[9:], opcode=CONTINUATION) + frame(ping("after")))
        assert await client.read() == (PONG, b"still there?")
        assert [await client.pong(), await client.pong()] == ["in parts", "after"]

        client.write(frame(b"", opcode=PONG) + frame(b"\x00\xff", opcode=2) + frame(ping("last")))
        assert json.loads((await client.read())[1])["code"] == "binary_not_allowed"
        assert await client.pong() == "last"
        client.write(frame((1000).to_bytes(2, "big"), opcode=CLOSE))
        assert await client.ending() == 1000


async def test_frames_that_are_none_end_their_socket(server: SocketServer, bob: User) -> None:
    bad = {
        "not masked": (frame(ping("x"), masked=False), 1002),
        "reserved bit": (bytes((frame(ping("x"))[0] | 0x40,)) + frame(ping("x"))[1:], 1002),
        "no UTF-8": (frame(b'"\xff"'), 1007),
        "a message within another": (frame(b"{", final=False) + frame(ping("x")), 1002),
        "nothing to go on with": (frame(b"{", opcode=CONTINUATION), 1002),
        "announced as too big": (frame(b"x" * 100_000)[:20], 1009),
    }
    for name, (data, code) in bad.items():
        async with opened(server, bob) as client:
            client.write(data)
            assert await client.ending() == code, name
