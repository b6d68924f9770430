"""How far a long piece of work is: told by the work, read by the page that waits for it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from typing import TypeVar
from uuid import UUID

from django.core.cache import cache
from redis.exceptions import RedisError

T = TypeVar("T")
Told = Callable[[int, int], None]  # how many are done, of how many

LIFE_S = 600


def untold(_done: int, _total: int) -> None:
    """Nobody waits."""


def steps(rows: Sequence[T], told: Told) -> Iterator[T]:
    """Yield the rows, and tell after each how many are done."""
    for done, row in enumerate(rows, start=1):
        yield row
        told(done, len(rows))


class Progress:
    """Keeps a percentage in the cache, where it is seen before the work is committed.

    One that is lost, with Redis or by its age, does no harm.
    """

    def __init__(self, token: UUID) -> None:
        self._key = f"progress:{token}"
        self._said = -1

    def __call__(self, done: int, total: int) -> None:
        percent = done * 100 // total
        if percent != self._said:
            self._said = percent
            with suppress(RedisError):
                cache.set(self._key, percent, LIFE_S)

    def percent(self) -> int:
        """Return what was told last; 0 if nothing was."""
        with suppress(RedisError):
            return int(cache.get(self._key, 0))
        return 0
