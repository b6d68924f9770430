"""The groups of the channel layer that a process's sockets are in: one channel hears for all."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Collection, Sequence
from typing import Any, Protocol

from channels.layers import get_channel_layer

from common.together import PerLoop, Together
from dispatch.live.layer import LAYER_LOST

logger = logging.getLogger(__name__)

PAUSE_S = 0.5  # until a lost layer is tried again
CHANGES_AT_ONCE = 1_000


class Member(Protocol):
    """Who is in a group."""

    def put(self, event: dict[str, Any]) -> None: ...
    def lose(self, error: Exception) -> None: ...


class Groups:
    """Listens from the first member on."""

    def __init__(self) -> None:
        self._layer: Any = get_channel_layer()
        self._channel = ""
        self._members: dict[str, set[Member]] = {}
        self._ear: asyncio.Task[None] | None = None
        # One after the other: a group that is left and joined in the same moment is joined.
        self._changes: Together[tuple[str, bool], None] = Together(
            self._change, most=CHANGES_AT_ONCE
        )

    async def join(self, groups: Collection[str], member: Member) -> None:
        """Hear what is sent from now on, again if need be. Raises one of LAYER_LOST."""
        if not self._channel:
            self._channel = await self._layer.new_channel()
        if self._ear is None:
            self._ear = asyncio.create_task(self._listen())
        for group in groups:
            self._members.setdefault(group, set()).add(member)
        await asyncio.gather(*(self._changes.do((group, True)) for group in groups))

    async def leave(self, groups: Collection[str], member: Member) -> None:
        """Raises one of LAYER_LOST, when only the layer still thinks that somebody is there."""
        left = [group for group in groups if self._is_empty_without(member, group)]
        await asyncio.gather(*(self._changes.do((group, False)) for group in left))

    async def forgotten(self, groups: Collection[str]) -> set[str]:
        """Return which of ``groups`` the layer does not know us in: Redis came back empty."""
        lost: set[str] = await self._layer.groups_lost(groups, self._channel)
        return lost

    def _is_empty_without(self, member: Member, group: str) -> bool:
        members = self._members.get(group, set())
        members.discard(member)
        if not members:
            self._members.pop(group, None)
        return not members

    async def _change(self, changes: Sequence[tuple[str, bool]]) -> list[None]:
        await self._layer.groups_change(changes, self._channel)
        return [None] * len(changes)

    async def _listen(self) -> None:
        while True:
            try:
                event = await self._layer.receive(self._channel)
            except LAYER_LOST as error:
                logger.warning("the channel layer is lost: %r", error)
                self._lose(error)
                await asyncio.sleep(PAUSE_S)
            else:
                self._tell(event)

    def _tell(self, event: dict[str, Any]) -> None:
        for member in self._members.get(event.get("group", ""), ()):
            member.put(event)

    def _lose(self, error: Exception) -> None:
        for member in {each for members in self._members.values() for each in members}:
            member.lose(error)


groups_here = PerLoop(Groups)
