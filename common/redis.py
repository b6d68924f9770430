"""Connections to Redis, with limits on every wait."""

from __future__ import annotations

import functools

import redis
import redis.asyncio
from django.conf import settings

TIMEOUT_S = 3


@functools.cache
def client() -> redis.Redis:
    """Return the process-wide client for code that may block."""
    return redis.Redis.from_url(
        settings.REDIS_URL,
        decode_responses=True,
        socket_timeout=TIMEOUT_S,
        socket_connect_timeout=TIMEOUT_S,
    )


def async_client() -> redis.asyncio.Redis:
    """Return a new client for the running event loop; its owner closes it."""
    return redis.asyncio.Redis.from_url(
        settings.REDIS_URL,
        decode_responses=True,
        socket_timeout=TIMEOUT_S,
        socket_connect_timeout=TIMEOUT_S,
    )
