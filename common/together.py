"""Doing at once what many ask for one by one."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar
from weakref import WeakKeyDictionary

T = TypeVar("T")
R = TypeVar("R")


class Together(Generic[T, R]):
    """Collects what is asked for in one turn of the loop, or while a batch is under way.

    ``work`` gets one list at a time, of at most ``most`` items in the order in which they were
    asked for, and returns what each gets. If it fails, everybody in the batch gets its error.
    Whoever finds nothing under way waits ``linger_s`` for company: a batch of one costs almost as
    much as one of many.
    """

    def __init__(
        self,
        work: Callable[[list[T]], Awaitable[Sequence[R]]],
        *,
        most: int,
        linger_s: float = 0.0,
    ) -> None:
        self._work = work
        self._most = most
        self._linger_s = linger_s
        self._waiting: list[tuple[T, asyncio.Future[R]]] = []
        self._running: asyncio.Task[None] | None = None

    def do(self, item: T) -> asyncio.Future[R]:
        """Put ``item`` into the next batch; await what comes of it."""
        done: asyncio.Future[R] = asyncio.get_running_loop().create_future()
        self._waiting.append((item, done))
        if self._running is None:
            self._running = asyncio.create_task(self._run())
        return done

    async def _run(self) -> None:
        try:
            if self._linger_s:
                await asyncio.sleep(self._linger_s)
            while self._waiting:
                batch, self._waiting = self._waiting[: self._most], self._waiting[self._most :]
                await self._do(batch)
        finally:
            self._running = None

    async def _do(self, batch: list[tuple[T, asyncio.Future[R]]]) -> None:
        work = self._work([item for item, _done in batch])
        [outcome] = await asyncio.gather(work, return_exceptions=True)
        waiting = [(index, done) for index, (_item, done) in enumerate(batch) if not done.done()]
        for index, done in waiting:
            if isinstance(outcome, BaseException):
                done.set_exception(outcome)
            else:
                done.set_result(outcome[index])


class PerLoop(Generic[T]):
    """One thing for each event loop: what waits for each other has to be on the same one."""

    def __init__(self, make: Callable[[], T]) -> None:
        self._make = make
        self._made: WeakKeyDictionary[asyncio.AbstractEventLoop, T] = WeakKeyDictionary()

    def __call__(self) -> T:
        loop = asyncio.get_running_loop()
        found = self._made.get(loop)
        if found is None:
            found = self._made[loop] = self._make()
        return found
