"""The groups of the channel layer that a process's sockets are in: one channel hears for all."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Collection
from typing import Any, Protocol

from channels.layers import get_channel_layer

from common.redis import shared_client
from common.together import PerLoop
from dispatch.live.layer import LAYER_LOST

logger = logging.getLogger(__name__)

PAUSE_S = 0.5  # until a lost layer is tried again
MEMBERS_KEY = "asgi:group:{}"  # where the layer keeps who is in a group


class Member(Protocol):
    """Who is in a group."""

    def put(self, event: dict[str, Any]) -> None: ...
    def lose(self, error: Exception) -> None: ...


class Groups:
    """Listens while anybody is in a group."""

    def __init__(self) -> None:
        self._layer: Any = get_channel_layer()
        self._channel = ""
        self._members: dict[str, set[Member]] = {}
        self._ear: asyncio.Task[None] | None = None

    async def join(self, group: str, member: Member) -> None:
        """Raises one of LAYER_LOST."""
        if not self._channel:
            self._channel = await self._layer.new_channel()
        if self._ear is None:
            self._ear = asyncio.create_task(self._listen())
        self._members.setdefault(group, set()).add(member)
        await self._layer.group_add(group, self._channel)

    async def leave(self, member: Member, groups: Collection[str]) -> None:
        """Raises one of LAYER_LOST, when only the layer still thinks that somebody is there."""
        left = [group for group in groups if self._is_empty_without(member, group)]
        if not self._members and self._ear is not None:
            self._ear.cancel()
            self._ear = None
        for group in left:
            await self._layer.group_discard(group, self._channel)
            if group in self._members:  # somebody came meanwhile, perhaps before this was done
                await self._layer.group_add(group, self._channel)

    async def forgotten(self, groups: Collection[str]) -> set[str]:
        """Return which of ``groups`` Redis does not know us in: it came back empty."""
        pipe = (await shared_client()).pipeline(transaction=False)
        for group in groups:
            pipe.zscore(MEMBERS_KEY.format(group), self._channel)
        since = await pipe.execute()
        return {group for group, at in zip(groups, since, strict=True) if at is None}

    def _is_empty_without(self, member: Member, group: str) -> bool:
        members = self._members.get(group, set())
        members.discard(member)
        if not members:
            self._members.pop(group, None)
        return not members

    async def _listen(self) -> None:
        while True:
            try:
                event = await self._layer.receive(self._channel)
            except LAYER_LOST as error:
                logger.warning("the channel layer is lost: %r", error)
                self._lose(error)
                await asyncio.sleep(PAUSE_S)
            else:
                for member in self._members.get(event.get("group"), ()):
                    member.put(event)

    def _lose(self, error: Exception) -> None:
        for member in {each for members in self._members.values() for each in members}:
            member.lose(error)


groups_here = PerLoop(Groups)
