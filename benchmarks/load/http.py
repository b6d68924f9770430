"""Requests one after the other on connections that stay open, each made once."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator, Sequence
from itertools import cycle
from typing import NamedTuple, cast

WARM_S = 1.0
PATIENCE_S = 20.0
END = b"\r\n\r\n"
OK = b"HTTP/1.1 200"
LENGTH = b"content-length:"


class Served(NamedTuple):
    """Answers a second, and the milliseconds of each."""

    per_second: float
    ms: list[float]


class Refused(Exception):
    """An answer that is not 200, or none; the text is what came."""


class Line(asyncio.Protocol):
    """One connection; asks for the next of ``requests`` when the last is answered."""

    def __init__(self, requests: Iterator[bytes]) -> None:
        self.ms: list[float] = []
        self.body = b""
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._requests = requests
        self._until = 0.0
        self._asked_at = 0.0
        self._rest = b""

    def ask(self, until: float) -> None:
        """Ask again and again until then, by ``perf_counter``; ``done`` follows the last answer."""
        self._until = until
        self._asked_at = time.perf_counter()
        self._transport.write(next(self._requests))

    # --- asyncio's side ---
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        self._rest += data
        head, found, body = self._rest.partition(END)
        if found and len(body) >= _length(head):
            self._rest, self.body = b"", body
            self._answered(head)

    def connection_lost(self, _error: Exception | None) -> None:
        self._end(Refused("the connection broke"))

    def close(self) -> None:
        self._transport.abort()

    def _answered(self, head: bytes) -> None:
        now = time.perf_counter()
        self.ms.append((now - self._asked_at) * 1_000)
        if not head.startswith(OK):
            self._end(Refused((head + END + self.body).decode(errors="replace")))
        elif now < self._until:
            self.ask(self._until)
        else:
            self._end(None)

    def _end(self, error: Exception | None) -> None:
        if self.done.done():
            return
        if error:
            self.done.set_exception(error)
        else:
            self.done.set_result(None)


def get(path: str, port: int, token: str) -> bytes:
    """Return a request; where we stand, a proxy would have taken the TLS off."""
    return (
        f"GET {path} HTTP/1.1\r\nHost: testserver:{port}\r\nAuthorization: Bearer {token}\r\n"
        "Accept: application/json\r\nX-Forwarded-Proto: https\r\n\r\n"
    ).encode()


async def loaded(port: int, requests: Sequence[bytes], *, lines: int, seconds: float) -> Served:
    """Keep so many connections busy. Raises Refused when anything else than 200 comes."""
    turn = cycle(requests)
    await _asked(port, turn, lines, WARM_S)
    begun = time.perf_counter()
    ms = await _asked(port, turn, lines, seconds)
    return Served(len(ms) / (time.perf_counter() - begun), ms)


async def answer(port: int, request: bytes) -> bytes:
    """Ask once, and return the body. Raises Refused."""
    line = await _connected(port, iter([request]))
    line.ask(0.0)
    try:
        await asyncio.wait_for(line.done, PATIENCE_S)
    finally:
        line.close()
    return line.body


async def _asked(port: int, turn: Iterator[bytes], count: int, seconds: float) -> list[float]:
    lines = [await _connected(port, turn) for _number in range(count)]
    until = time.perf_counter() + seconds
    for line in lines:
        line.ask(until)
    try:
        async with asyncio.timeout(seconds + PATIENCE_S):
            await asyncio.gather(*(line.done for line in lines))
    finally:
        for line in lines:
            line.close()
    return [ms for line in lines for ms in line.ms]


async def _connected(port: int, requests: Iterator[bytes]) -> Line:
    loop = asyncio.get_running_loop()
    _transport, line = await loop.create_connection(lambda: Line(requests), "127.0.0.1", port)
    return line


def _length(head: bytes) -> int:
    """Raises Refused for an answer that does not say how long it is."""
    lowered = head.lower()
    at = lowered.find(LENGTH)
    if at < 0:
        raise Refused(head.decode("latin-1"))
    return int(lowered[at + len(LENGTH) :].partition(b"\r\n")[0])
