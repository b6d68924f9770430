"""The channel layer: what is numbered, and what ends sockets. Lost here, it is found again in the
database."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from uuid import UUID

from channels.exceptions import ChannelFull
from channels.layers import get_channel_layer
from redis.exceptions import RedisError

from common.background import run_elsewhere
from dispatch.live.messages import plain
from dispatch.protocol import CloseCode, Message

logger = logging.getLogger(__name__)

TIMEOUT_S = 3.0  # a stalled Redis may hold up the request that has news only so long
AT_ONCE = 20  # each takes a connection while it is on its way
LAYER_LOST = (RedisError, ChannelFull, OSError)  # OSError holds TimeoutError

Said = Message | Mapping[str, Any]
News = tuple[str, dict[str, Any]]  # a group, and what is sent to it


def runner_group(runner_id: UUID) -> str:
    return f"runner.{runner_id.hex}"


def errand_group(errand_id: UUID) -> str:
    return f"errand.{errand_id.hex}"


def user_group(user_id: UUID) -> str:
    return f"user.{user_id.hex}"


def push_runners(messages: Iterable[tuple[UUID, Said]]) -> None:
    """Send each runner a numbered message, many in the time of one; one runner's stay in order."""
    _push([_numbered(runner_group(runner_id), message) for runner_id, message in messages])


def push_errand(errand_id: UUID, message: Said) -> None:
    """Send a numbered message (see ``errand_event``) to everyone who watches the errand."""
    _push([_numbered(errand_group(errand_id), message)])


def close_user(user_id: UUID, code: CloseCode | int) -> None:
    """End all sockets of a user with ``code``."""
    group = user_group(user_id)
    _push([(group, {"type": "socket.end", "group": group, "code": int(code)})])


def _numbered(group: str, message: Said) -> News:
    # A process has one ear for all of its sockets; the group says for whom it is.
    return group, {"type": "stream.message", "group": group, "message": plain(message)}


def _push(news: Sequence[News]) -> None:
    run_elsewhere(_send_all(news))


async def _send_all(news: Sequence[News]) -> None:
    by_group: dict[str, list[dict[str, Any]]] = {}
    for group, event in news:
        by_group.setdefault(group, []).append(event)
    room = asyncio.Semaphore(AT_ONCE)
    await asyncio.gather(*(_send(group, events, room) for group, events in by_group.items()))


async def _send(group: str, events: Sequence[dict[str, Any]], room: asyncio.Semaphore) -> None:
    try:
        async with room, asyncio.timeout(TIMEOUT_S):
            for event in events:
                await get_channel_layer().group_send(group, event)
    except LAYER_LOST as error:
        logger.warning("the channel layer lost a message to %s: %r", group, error)
