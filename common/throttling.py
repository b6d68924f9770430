"""How often is too often, counted in Redis; a narrow limit for what creates or costs."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

from redis.commands.core import Script
from rest_framework import throttling
from rest_framework.permissions import SAFE_METHODS
from rest_framework.request import Request

from common.redis import client

if TYPE_CHECKING:
    from rest_framework.views import APIView  # which itself imports this module, by the settings

# DRF's own list of times, but read and written in one step: of two at once none is forgotten.
COUNT = """
local now = redis.call('TIME')
now = now[1] * 1000000 + now[2]
local most, window = tonumber(ARGV[1]), ARGV[2] * 1000000
local oldest = tonumber(redis.call('LINDEX', KEYS[1], -1) or now)
while oldest <= now - window do
  redis.call('RPOP', KEYS[1])
  oldest = tonumber(redis.call('LINDEX', KEYS[1], -1) or now)
end
if redis.call('LLEN', KEYS[1]) >= most then
  return oldest + window - now
end
redis.call('LPUSH', KEYS[1], string.format('%d', now))
redis.call('PEXPIRE', KEYS[1], window / 1000)
return 0
"""


@functools.cache
def _count() -> Script:
    return client().register_script(COUNT)


class CountedThrottle(throttling.SimpleRateThrottle):
    """At most so many requests in any stretch of the rate's length; one question to Redis."""

    num_requests: int
    duration: int
    wait_us = 0

    def allow_request(self, request: Request, view: APIView) -> bool:
        key = self.rate and self.get_cache_key(request, view)
        if not key:
            return True
        self.wait_us = int(_count()(keys=[key], args=[self.num_requests, self.duration]))
        return self.wait_us == 0

    def wait(self) -> float:
        """Seconds until the next request would be allowed."""
        return self.wait_us / 1_000_000


class AnonRateThrottle(throttling.AnonRateThrottle, CountedThrottle):
    pass


class UserRateThrottle(throttling.UserRateThrottle, CountedThrottle):
    pass


class WriteRateThrottle(throttling.ScopedRateThrottle, CountedThrottle):
    """Counts a view's ``throttle_scope`` for requests that write, and lets the others pass."""

    def allow_request(self, request: Request, view: APIView) -> bool:
        return request.method in SAFE_METHODS or super().allow_request(request, view)
