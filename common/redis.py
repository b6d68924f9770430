"""Connections to Redis, with limits on every wait."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import AsyncGenerator
from typing import Any

import redis
import redis.asyncio
from django.conf import settings

TIMEOUT_S = 3

_shared: dict[asyncio.AbstractEventLoop, redis.asyncio.Redis] = {}
_owners: dict[asyncio.AbstractEventLoop, AsyncGenerator[redis.asyncio.Redis]] = {}


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
    opened = async_client()
    try:
        yield opened
    finally:
        _shared.pop(loop, None)
        _owners.pop(loop, None)
        await opened.aclose()
