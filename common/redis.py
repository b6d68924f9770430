"""Connections to Redis, with limits on every wait."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import AsyncGenerator, Iterable
from typing import Any

import hiredis
import redis
import redis.asyncio
from django.conf import settings

TIMEOUT_S = 3
CONNECTIONS = 20  # of one event loop

_shared: dict[asyncio.AbstractEventLoop, redis.asyncio.Redis] = {}
_owners: dict[asyncio.AbstractEventLoop, AsyncGenerator[redis.asyncio.Redis]] = {}


class QuickConnection(redis.asyncio.Connection):
    """Packs in C what it sends, as the client for code that may block does by itself."""

    def pack_command(self, *args: Any) -> list[bytes]:
        return self.pack_commands([args])

    def pack_commands(self, commands: Iterable[Iterable[Any]]) -> list[bytes]:
        return [b"".join(hiredis.pack_command(_by_words(*command)) for command in commands)]


def _by_words(name: Any, *args: Any) -> tuple[Any, ...]:
    """Some commands are two words, and go out as two."""
    return (*name.split(), *args) if isinstance(name, str) and " " in name else (name, *args)


@functools.cache
def client() -> redis.Redis:
    """Return the process-wide client for code that may block."""
    return redis.Redis.from_url(
        settings.REDIS_URL,
        decode_responses=True,
        socket_timeout=TIMEOUT_S,
        socket_connect_timeout=TIMEOUT_S,
    )


def async_client(**options: Any) -> redis.asyncio.Redis:
    """Return a new client for the running event loop; its owner closes it."""
    return redis.asyncio.Redis.from_url(
        settings.REDIS_URL,
        decode_responses=True,
        socket_timeout=TIMEOUT_S,
        socket_connect_timeout=TIMEOUT_S,
        **options,
    )


async def shared_client() -> redis.asyncio.Redis:
    """Return the running loop's own client: connections can't move between loops."""
    loop = asyncio.get_running_loop()
    if loop not in _shared:
        owner = _owned(loop)
        _shared[loop], _owners[loop] = await anext(owner), owner
    return _shared[loop]


async def _owned(loop: asyncio.AbstractEventLoop) -> AsyncGenerator[redis.asyncio.Redis]:
    """Keep a client open; a loop that ends closes its generators, and this one the client."""
    # Whoever finds all connections in use waits, as long as for an answer.
    pool = redis.asyncio.BlockingConnectionPool.from_url(
        settings.REDIS_URL,
        decode_responses=True,
        connection_class=QuickConnection,
        max_connections=CONNECTIONS,
        timeout=TIMEOUT_S,
        socket_timeout=TIMEOUT_S,
        socket_connect_timeout=TIMEOUT_S,
    )
    opened = redis.asyncio.Redis.from_pool(pool)
    try:
        yield opened
    finally:
        _shared.pop(loop, None)
        _owners.pop(loop, None)
        await opened.aclose()
