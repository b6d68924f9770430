"""A WebSocket that comes back, and asks for what it missed."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable
from typing import Any

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus, WebSocketException

from dispatch.sandbox.account import Account
from dispatch.sandbox.wire import Trouble, Unreachable, Wire, pauses

Message = dict[str, Any]
MAX_FRAME = 1 << 20
OPEN_S = 15.0
UNAUTHENTICATED, NO_SUCH_ERRAND = 4401, 4404


class Line:
    """One WebSocket address. After any close it connects again with ``?after=`` its last number.

    ``hear`` is called with every new message, in order and once; a hole in the numbers is
    counted as ``sequence_gap`` and told as ``{"type": "gap"}``, one twice as ``sequence_repeated``.
    """

    def __init__(
        self,
        path: str,
        *,
        wire: Wire,
        account: Account,
        hear: Callable[[Message], None],
        last: int | None = None,
    ) -> None:
        self._path = path
        self._wire = wire
        self._account = account
        self._hear = hear
        self._last = last
        self._socket: ClientConnection | None = None
        self._pauses = pauses(wire.rng)
        self._over = False
        self.down_since = time.monotonic()

    @property
    def up(self) -> bool:
        return self._socket is not None

    async def stay(self) -> None:
        """Keep the connection until :meth:`hang_up`, or until the server knows no such thing."""
        while not self._over:
            try:
                await self._connected()
            except (OSError, TimeoutError, WebSocketException) as error:
                self._wire.tally.error(_code_of(error), f"{self._path} {error}")
            except Trouble as error:
                self._wire.tally.error("socket_login", str(error))
            except (LookupError, TypeError, ValueError) as error:
                self._wire.tally.error("socket_bad_message", f"{self._path} {error!r}")
            if not self._over:
                self._wire.tally.reconnects += 1
                await asyncio.sleep(next(self._pauses))

    async def send(self, message: Message) -> None:
        """Raises Unreachable when the line is down."""
        if self._socket is None:
            raise Unreachable(f"{self._path} is down")
        try:
            await self._socket.send(json.dumps(message))
        except ConnectionClosed as error:
            raise Unreachable(f"{self._path} {error}") from error

    async def hang_up(self) -> None:
        self._over = True
        if self._socket is not None:
            await self._socket.close()

    async def _connected(self) -> None:
        token = await self._account.token()
        async with connect(
            await self._address(),
            additional_headers={"Authorization": f"Bearer {token}"},
            proxy=None,
            open_timeout=OPEN_S,
            max_size=MAX_FRAME,
        ) as socket:
            try:
                await self._listen(socket)
            finally:
                if self.up:  # else it is down since longer
                    self._socket, self.down_since = None, time.monotonic()
        self._closed(socket.close_code, token)

    async def _listen(self, socket: ClientConnection) -> None:
        try:
            async for frame in socket:
                self._socket = socket
                self._receive(json.loads(frame))
        except ConnectionClosed:
            return  # the code says why

    def _receive(self, message: Message) -> None:
        if message["type"] == "hello":
            self._pauses = pauses(self._wire.rng)
            if self._last is None or message.get("reset"):
                self._last = message["sequence"]
        elif "sequence" in message and not self._is_next(message["sequence"]):
            return
        self._hear(message)

    def _is_next(self, sequence: int) -> bool:
        last, self._last = self._last or 0, max(self._last or 0, sequence)
        if sequence > last + 1:
            self._wire.tally.error("sequence_gap", f"{self._path} {last} → {sequence}")
            self._hear({"type": "gap"})
        if sequence <= last:
            self._wire.tally.error("sequence_repeated", f"{self._path} {sequence} after {last}")
        return sequence > last

    def _closed(self, code: int | None, token: str) -> None:
        if self._over:
            return
        self._wire.tally.error(f"socket_closed_{code}", self._path)
        if code == UNAUTHENTICATED:
            self._account.reject(token)
        self._over = code == NO_SUCH_ERRAND

    async def _address(self) -> str:
        gap = "" if self._last is None else f"?after={self._last}"
        return f"{await self._account.sockets()}{self._path}{gap}"


def _code_of(error: Exception) -> str:
    if isinstance(error, InvalidStatus):
        return f"socket_http_{error.response.status_code}"
    return f"socket_{type(error).__name__}"
