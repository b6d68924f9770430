"""Channels' own layer over Redis, which does for many groups in one go what it has for one.

After a deploy thousands of phones come back in the same second: each with connections of its own
for its groups, they would only find the pool empty.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Sequence
from typing import Any

from channels_redis.core import RedisChannelLayer


class RedisLayer(RedisChannelLayer):
    """``BACKEND`` of the channel layer."""

    async def groups_change(self, changes: Sequence[tuple[str, bool]], channel: str) -> None:
        """Add ``channel`` to groups, or take it out of them, in this order."""

        def change(pipe: Any, key: bytes, index: int) -> None:
            if changes[index][1]:
                pipe.zadd(key, {channel: time.time()})
                pipe.expire(key, self.group_expiry)
            else:
                pipe.zrem(key, channel)

        await self._for_each([group for group, _joins in changes], change)

    async def groups_lost(self, groups: Collection[str], channel: str) -> set[str]:
        """Return which of ``groups`` do not hold ``channel``."""
        names = list(groups)

        def look(pipe: Any, key: bytes, _index: int) -> None:
            pipe.zscore(key, channel)

        since = await self._for_each(names, look)
        return {group for group, at in zip(names, since, strict=True) if at is None}

    async def _for_each(
        self, groups: Sequence[str], queue: Callable[[Any, bytes, int], None]
    ) -> list[Any]:
        pipe = self.connection(0).pipeline(transaction=False)
        for index, group in enumerate(groups):
            queue(pipe, self._group_key(group), index)
        found: list[Any] = await pipe.execute()
        return found
