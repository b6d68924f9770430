"""A shorter way through uvicorn for what almost every WebSocket frame is: one whole text message.

Its own way makes a step of a generator, a frame and two lists of each; at thousands a second that
is half of all the work. Everything else goes that way as before, and always as whole frames.
"""

from __future__ import annotations

import asyncio
import functools
import struct
from collections.abc import Callable
from typing import Any, cast

from uvicorn._types import ASGIReceiveEvent, ASGISendEvent
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.http11 import Request
from websockets.speedups import apply_mask

from dispatch.protocol import READ_NOW, WRITE_NOW

TEXT = 0x81  # final, no extension, opcode 1 (RFC 6455, 5.2)
MASKED = 0x80
MASK_BYTES = 4
SHORT, LONG = 126, 127  # lengths that say that the length follows, in 2 or 8 bytes


Hear = Callable[[bytes], bool]


def span_of(data: bytes, at: int) -> tuple[int, int] | None:
    """Read the head of a client's frame that begins at ``at``; None when it is not there yet.

    Return where its payload begins and ends, counted from the start of the frame.
    """
    there = len(data) - at
    if there < 2:
        return None
    size, start = data[at + 1] & ~MASKED, 2
    if size >= SHORT:
        start = 4 if size == SHORT else 10
        if there < start:
            return None
        size = int.from_bytes(data[at + 2 : at + start], "big")
    start += MASK_BYTES if data[at + 1] & MASKED else 0
    return start, start + size


@functools.lru_cache(maxsize=1)  # for a text that many hear
def text_frame(text: str) -> bytes:
    payload = text.encode()
    size = len(payload)
    if size < SHORT:
        return bytes((TEXT, size)) + payload
    if size <= 0xFFFF:
        return struct.pack("!BBH", TEXT, SHORT, size) + payload
    return struct.pack("!BBQ", TEXT, LONG, size) + payload


def untaken(_raw: bytes) -> bool:
    return False


class SmallQueue(asyncio.Queue[ASGIReceiveEvent]):
    """For one who puts and one who gets; asyncio's own takes 3 KB while nothing is in it."""

    def __init__(self) -> None:
        self._events: list[ASGIReceiveEvent] = []
        self._waiter: asyncio.Future[None] | None = None

    def empty(self) -> bool:
        return not self._events

    def put_nowait(self, item: ASGIReceiveEvent) -> None:
        self._events.append(item)
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    async def get(self) -> ASGIReceiveEvent:
        while not self._events:
            self._waiter = asyncio.get_running_loop().create_future()
            await self._waiter
        return self._events.pop(0)


class QuickWebSocket(WebSocketsSansIOProtocol):
    """uvicorn's own, with that shorter way. Without compression, which costs more than it saves."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.conn.available_extensions = []
        self.queue = SmallQueue()
        self._rest = b""  # the beginning of a frame
        self._hear: Hear = untaken
        self._offered: dict[str, Any] = {}

    def data_received(self, data: bytes) -> None:
        if not self.handshake_complete:
            super().data_received(data)
            return
        if self._rest:
            data = self._rest + data
        at, size = 0, len(data)
        while (span := span_of(data, at)) is not None:
            start, end = span
            if at + end > size and end - start <= self.config.ws_max_size:
                break
            is_all = at == 0 and end == size
            self._frame_received(data if is_all else data[at : at + end], start, end)
            at += end
        self._rest = data[at:]

    def _frame_received(self, frame: bytes, start: int, end: int) -> None:
        is_plain = frame[0] == TEXT and frame[1] & MASKED and end == len(frame)
        if not is_plain or self.frames or self.close_sent:
            super().data_received(frame)
            return
        raw = apply_mask(frame[start:], frame[start - MASK_BYTES : start])
        if self.queue.empty() and self._hear(raw):
            return
        try:
            text = raw.decode()
        except UnicodeDecodeError:
            super().data_received(frame)  # knows how to say so
        else:
            self._text_received(text)

    def _text_received(self, text: str) -> None:
        # One may wait while another is worked on: to stop and start for each takes system calls.
        if not self.queue.empty() and not self.read_paused:
            self.read_paused = True
            self.transport.pause_reading()
        self.queue.put_nowait({"type": "websocket.receive", "text": text})

    def handle_connect(self, event: Request) -> None:
        super().handle_connect(event)
        if not self.close_sent:
            self._offered = cast("dict[str, Any]", self.scope["extensions"])
            self._offered.update({WRITE_NOW: self.write_now, READ_NOW: self.read_now})

    def read_now(self, hear: Hear) -> None:
        """Offer each text to ``hear``, unless others wait to be received; see READ_NOW."""
        self._hear = hear

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        # What knows each other in a ring would wait for the garbage collector.
        self._hear = untaken
        self._offered.clear()

    async def send(self, message: ASGISendEvent) -> None:
        text = message.get("text") if message["type"] == "websocket.send" else None
        if not isinstance(text, str) or not self.write_now(text):
            await super().send(message)

    def write_now(self, text: str) -> bool:
        """Send ``text`` if that takes no waiting; return whether it was sent."""
        is_open = self.handshake_complete and not (self.close_sent or self.disconnected)
        has_room = is_open and self.writable.is_set() and not self.transport.is_closing()
        if has_room:
            self.transport.write(text_frame(text))
        return has_room
