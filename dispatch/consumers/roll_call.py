"""Asking for all sockets of one kind together what each would have to ask by itself."""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Iterable, Sequence
from typing import Generic, Protocol, TypeVar

from django.db import OperationalError

from dispatch import live

logger = logging.getLogger(__name__)

AT_ONCE = 500

M = TypeVar("M", bound="Member")


class Member(Protocol):
    """A socket that is asked about."""

    inbox: live.Inbox


class Kind(Protocol[M]):
    """What all of them are: how often they are asked about, and how."""

    tick_s: float

    async def behind(self, sockets: Sequence[M]) -> Iterable[M]: ...


class RollCall(Generic[M]):
    """Every ``tick_s`` seconds one look for all; who is found behind gets a tick.

    ``behind`` only has to be right about who needs none: a tick makes a socket look itself.
    """

    def __init__(self, kind: Kind[M]) -> None:
        self._kind = kind
        self._members: set[M] = set()
        self._task: asyncio.Task[None] | None = None

    def enter(self, member: M) -> None:
        self._members.add(member)
        if self._task is None:
            self._task = asyncio.create_task(self._call())

    def leave(self, member: M) -> None:
        self._members.discard(member)
        if not self._members and self._task is not None:
            self._task.cancel()
            self._task = None

    async def _call(self) -> None:
        while True:
            # Spread, so that processes started together do not read the database together.
            await asyncio.sleep(self._kind.tick_s * random.uniform(0.8, 1.2))  # noqa: S311
            present = list(self._members)
            for first in range(0, len(present), AT_ONCE):
                await self._look(present[first : first + AT_ONCE])

    async def _look(self, members: Sequence[M]) -> None:
        try:
            for member in await self._kind.behind(members):
                member.inbox.put({"type": "tick"})
        except (OperationalError, *live.LAYER_LOST) as error:
            # Nothing is lost: what was to be found now is found at the next call.
            logger.warning("a roll call could not be made: %r", error)
