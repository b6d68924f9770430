"""Django's cache in Redis, with one client for all: a new one takes as long as its question."""

from __future__ import annotations

import functools
from typing import Any

from django.core.cache.backends.redis import RedisCache, RedisCacheClient


class Client(RedisCacheClient):
    """For one server; a client takes its connections from the pool anyway."""

    def get_client(self, key: Any = None, *, write: bool = False) -> Any:
        return self._only

    @functools.cached_property
    def _only(self) -> Any:
        return super().get_client()


class Cache(RedisCache):
    def __init__(self, server: str, params: dict[str, Any]) -> None:
        super().__init__(server, params)
        self._class = Client
