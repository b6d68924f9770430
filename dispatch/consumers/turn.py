"""Whose turn it is at one socket."""

from __future__ import annotations

import asyncio
from types import TracebackType


class Turn:
    """A lock that may also be taken without waiting, and released by whoever has it.

    asyncio's own can't: it is free for a moment before the one who waits has it, and whoever took
    it then would pass a message that came before.
    """

    __slots__ = ("_taken", "_waiting")

    def __init__(self) -> None:
        self._taken = False
        self._waiting: tuple[asyncio.Future[None], ...] = ()  # hardly ever one, never many

    @property
    def is_free(self) -> bool:
        return not self._taken

    def take_now(self) -> bool:
        """Take it if it is free; return whether it was."""
        if self._taken:
            return False
        self._taken = True
        return True

    def release(self) -> None:
        """Give it to the first who waits."""
        while self._waiting:
            first, *rest = self._waiting
            self._waiting = tuple(rest)
            if not first.done():
                first.set_result(None)
                return
        self._taken = False

    async def __aenter__(self) -> None:
        if self.take_now():
            return
        given: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting += (given,)
        try:
            await given
        except asyncio.CancelledError:
            if given.done() and not given.cancelled():
                self.release()
            raise

    async def __aexit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        self.release()
