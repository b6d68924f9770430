"""The web server's end of a WebSocket: uvicorn's own, but it gives up clients that do not read.

ASGI has no word for that: a consumer waits until its message is taken, be it for ever.
"""

from __future__ import annotations

import asyncio
import logging
import socket
import struct

from balrottuieo.frames import QuickWebSocket
from dispatch.protocol import MAX_UNREAD_S, CloseCode

logger = logging.getLogger(__name__)

FAREWELL_S = 5.0  # to read what waits, and the close code behind it
KERNEL_BYTES = 64 * 1024  # the kernel's own measure is up to 4 MB for each socket
RESET = struct.pack("ii", 1, 0)  # linger for no time


class ImpatientWebSocket(QuickWebSocket):
    """Keeps ``KERNEL_BYTES`` for its client, and the one message that found no room there."""

    _alarm: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self.transport.set_write_buffer_limits(high=0)  # a full kernel stops the sender
        self._set(socket.SO_SNDBUF, KERNEL_BYTES)

    def connection_lost(self, exc: Exception | None) -> None:
        self._silence()
        super().connection_lost(exc)

    def pause_writing(self) -> None:
        super().pause_writing()
        self._alarm = self.loop.call_later(MAX_UNREAD_S, self._give_up)

    def resume_writing(self) -> None:
        self._silence()
        super().resume_writing()

    def handle_ping(self) -> None:
        if self.writable.is_set():
            super().handle_ping()
        else:
            self.conn.data_to_send()  # no pong: without end they could wait for who reads none

    def _silence(self) -> None:
        if self._alarm is not None:
            self._alarm.cancel()

    def _give_up(self) -> None:
        logger.warning("a client read too slowly: %s", self.client)
        self.conn.fail(CloseCode.TOO_SLOW)
        self.transport.write(b"".join(self.conn.data_to_send()))
        self.transport.close()
        self._alarm = self.loop.call_later(FAREWELL_S, self._cut_off)
        # Whoever waits to send, or will, learns that nobody is there any more.
        self.close_sent = self.disconnected = True
        self.writable.set()

    def _cut_off(self) -> None:
        # Without a reset the kernel would keep offering the rest for minutes.
        self._set(socket.SO_LINGER, RESET)
        self.transport.abort()

    def _set(self, option: int, value: int | bytes) -> None:
        connection: socket.socket = self.transport.get_extra_info("socket")
        connection.setsockopt(socket.SOL_SOCKET, option, value)
