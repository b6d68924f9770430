"""One worker at a time matches an area, and not more often than it is worth.

Only saves work: the constraints keep it right.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager

from django.conf import settings
from redis.exceptions import RedisError

from common.errors import Unavailable
from common.redis import client
from dispatch.services.areas import key_of, queue_left

LONGEST_RUN_S = 5  # a killed worker holds an area no longer than this
RELEASE = "if redis.call('get',KEYS[1])==ARGV[1] then return redis.call('del',KEYS[1]) end"


@contextmanager
def area_turn(area: str) -> Iterator[bool]:
    """Yield whether this worker may match ``area`` now, a tick after the last run at the soonest.

    Whoever may not has left a note, which :func:`wanted_again` finds.
    """
    key, mine = key_of(area), secrets.token_hex(8)
    try:
        held = _try(key, mine) or _try_again(area, key, mine)
        try:
            if held:
                _wait_for_the_tick(area)
            # From here on whatever comes needs a task of its own: this one may have read already.
            queue_left(area)
            yield held
        finally:
            if held:
                client().eval(RELEASE, 1, key, mine)
    except RedisError as error:
        raise Unavailable from error


def _try(key: str, mine: str) -> bool:
    return bool(client().set(key, mine, nx=True, ex=LONGEST_RUN_S))


def _try_again(area: str, key: str, mine: str) -> bool:
    # The note is written before the second try: either the holder still finds it, or this wins.
    client().set(key_of(area, "again"), 1, ex=LONGEST_RUN_S)
    return _try(key, mine)


def _wait_for_the_tick(area: str) -> None:
    """What is posted within a tick is solved together; after a pause nobody waits."""
    key = key_of(area, "tick")
    time.sleep(max(0, client().pttl(key)) / 1_000)
    client().set(key, 1, px=max(1, round(settings.MATCHING_TICK_S * 1_000)))


def wanted_again(area: str) -> bool:
    """Tell, once, whether somebody was turned away during the run."""
    return client().getdel(key_of(area, "again")) is not None
