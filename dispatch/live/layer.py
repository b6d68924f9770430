"""The channel layer: who hears what. A message lost here is found again in the database."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Self
from uuid import UUID

from asgiref.sync import async_to_sync
from channels.exceptions import ChannelFull
from channels.layers import get_channel_layer
from redis.exceptions import RedisError

from common.geo import Point
from dispatch.live.messages import plain, position_message
from dispatch.protocol import CloseCode, Message

logger = logging.getLogger(__name__)

TIMEOUT_S = 3.0  # a stalled Redis may hold up the request that has news only so long
LAYER_LOST = (RedisError, ChannelFull, OSError)  # OSError holds TimeoutError


def runner_group(runner_id: UUID) -> str:
    return f"runner.{runner_id.hex}"


def errand_group(errand_id: UUID) -> str:
    return f"errand.{errand_id.hex}"


def user_group(user_id: UUID) -> str:
    return f"user.{user_id.hex}"


class Inbox:
    """One socket's end of the channel layer."""

    def __init__(self, layer: Any, channel: str) -> None:
        self._layer, self._channel = layer, channel
        self._groups: set[str] = set()

    @classmethod
    async def open(cls) -> Self:
        layer = get_channel_layer()
        return cls(layer, await layer.new_channel())

    async def join(self, *groups: str) -> None:
        """Hear what is sent to ``groups``; joining again repairs what Redis forgot."""
        async with asyncio.timeout(TIMEOUT_S):
            for group in groups:
                self._groups.add(group)
                await self._layer.group_add(group, self._channel)

    async def next(self) -> dict[str, Any]:
        """Wait for the next message to any of the groups."""
        message: dict[str, Any] = await self._layer.receive(self._channel)
        return message

    async def close(self) -> None:
        """Leave all groups, unheard what still waits; a lost layer has forgotten them anyway."""
        try:
            async with asyncio.timeout(TIMEOUT_S):
                for group in self._groups:
                    await self._layer.group_discard(group, self._channel)
        except LAYER_LOST as error:
            logger.warning("a socket could not leave its groups: %r", error)
        finally:
            # Nobody will ever fetch it: the layer would keep it as long as the process lives.
            self._layer.receive_buffer.pop(self._channel, None)


async def _send(group: str, event: dict[str, Any]) -> None:
    try:
        async with asyncio.timeout(TIMEOUT_S):
            await get_channel_layer().group_send(group, event)
    except LAYER_LOST as error:
        logger.warning("the channel layer lost a message to %s: %r", group, error)


def push_runners(messages: Iterable[tuple[UUID, Message | Mapping[str, Any]]]) -> None:
    """Send numbered messages (see ``runner_message``) to the sockets of their runners."""
    async_to_sync(_send_in_turn)(
        [
            (runner_group(runner_id), {"type": "stream.message", "message": plain(message)})
            for runner_id, message in messages
        ]
    )


async def _send_in_turn(events: Sequence[tuple[str, dict[str, Any]]]) -> None:
    """Send many; a stalled Redis holds up all of them together no longer than one."""
    try:
        async with asyncio.timeout(TIMEOUT_S):
            for group, event in events:
                await get_channel_layer().group_send(group, event)
    except LAYER_LOST as error:
        logger.warning("the channel layer lost some of %d messages: %r", len(events), error)


def push_errand(errand_id: UUID, message: Message | Mapping[str, Any]) -> None:
    """Send a numbered message (see ``errand_event``) to everyone who watches the errand."""
    async_to_sync(_send)(
        errand_group(errand_id), {"type": "stream.message", "message": plain(message)}
    )


async def push_position(
    errand_ids: Iterable[UUID],
    *,
    point: Point,
    recorded_at: datetime,
    eta_minutes: Mapping[UUID, float | None],
) -> None:
    """Show the watchers of the errands that one runner carries where the runner is."""
    for errand_id in errand_ids:
        message = position_message(point, recorded_at, eta_minutes.get(errand_id))
        event = {"type": "position.message", "message": plain(message)}
        await _send(errand_group(errand_id), event)


def close_user(user_id: UUID, code: CloseCode | int) -> None:
    """End all sockets of a user with ``code``."""
    async_to_sync(_send)(user_group(user_id), {"type": "socket.end", "code": int(code)})
