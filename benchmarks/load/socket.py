"""One WebSocket of a phone or a browser, on a bare asyncio protocol."""

from __future__ import annotations

import asyncio
import base64
import os
from collections.abc import Callable, Sequence
from typing import NamedTuple, cast

from benchmarks.load.frames import CLOSE, PING, PONG, TEXT, frame, split

PATIENCE_S = 60.0
AT_ONCE = 16  # handshakes


class Lost(Exception):
    """A socket that was to live has ended; the text is the close code, or what came instead."""


class Address(NamedTuple):
    """Where a socket is opened; ``path`` with its query."""

    port: int
    path: str


class Socket(asyncio.Protocol):
    """Gives every text it hears to ``heard``, answers pings, remembers how it ended."""

    def __init__(self, address: Address) -> None:
        self.heard: Callable[[bytes], None] = self._ignore
        self.ended: str | None = None
        self._address = address
        self._rest = b""
        self._open = False
        self._opened: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._greeted: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    async def opened(self, *, greeted: bool) -> None:
        """Wait for the handshake, and with ``greeted`` for the first text too. Raises Lost."""
        async with asyncio.timeout(PATIENCE_S):
            await self._opened
            if greeted:
                await self._greeted

    def say(self, made: bytes) -> None:
        """Send what :func:`benchmarks.load.frames.frame` made. Raises Lost."""
        if self.transport.is_closing():
            raise Lost(self.ended or "the connection broke")
        self.transport.write(made)

    def close(self) -> None:
        self.transport.abort()

    # --- asyncio's side ---
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)  # uvloop's only looks like one
        key = base64.b64encode(os.urandom(16)).decode()
        self.transport.write(
            f"GET {self._address.path} HTTP/1.1\r\nHost: 127.0.0.1:{self._address.port}\r\n"
            "Upgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n\r\n".encode()
        )

    def data_received(self, data: bytes) -> None:
        if not self._open:
            data = self._shaken(self._rest + data)
        elif self._rest:
            data = self._rest + data
        if self._open:
            found, self._rest = split(data)
            for opcode, payload in found:
                if opcode == TEXT:
                    self.heard(payload)
                else:
                    self._told(opcode, payload)

    def connection_lost(self, _error: Exception | None) -> None:
        self._lose(self.ended or "the connection broke")

    def _shaken(self, data: bytes) -> bytes:
        """Read the answer to the handshake; return what follows it."""
        head, found, rest = data.partition(b"\r\n\r\n")
        if not found:
            self._rest = data
        elif not head.startswith(b"HTTP/1.1 101"):
            self._lose(head.decode("latin-1"))
            self.close()
        else:
            self._open, self._rest = True, b""
            self._opened.set_result(None)
            self.heard = self._first
        return rest

    def _first(self, payload: bytes) -> None:
        self.heard = self._ignore
        if not self._greeted.done():
            self._greeted.set_result(None)

    def _ignore(self, payload: bytes) -> None:
        """Nobody listens yet."""

    def _told(self, opcode: int, payload: bytes) -> None:
        if opcode == PING:
            self.say(frame(payload, PONG))
        elif opcode == CLOSE:
            self._lose(str(int.from_bytes(payload[:2], "big")))

    def _lose(self, how: str) -> None:
        self.ended = how
        for waited in (self._opened, self._greeted):
            if not waited.done():
                waited.set_exception(Lost(how))
                waited.exception()  # who waits hears of it; nobody else has to


async def connected(addresses: Sequence[Address], *, greeted: bool = True) -> list[Socket]:
    """Open a socket at each address, a few at a time. Raises Lost."""
    gate = asyncio.Semaphore(AT_ONCE)
    loop = asyncio.get_running_loop()

    async def connect(address: Address) -> Socket:
        async with gate:
            _transport, socket = await loop.create_connection(
                lambda: Socket(address), "127.0.0.1", address.port
            )
            await socket.opened(greeted=greeted)
            return socket

    return list(await asyncio.gather(*map(connect, addresses)))


def check_alive(sockets: Sequence[Socket]) -> None:
    """Raises Lost when one has ended."""
    if lost := [socket.ended for socket in sockets if socket.ended is not None]:
        raise Lost(f"{len(lost)} of {len(sockets)} sockets, the first: {lost[0]}")
