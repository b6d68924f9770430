"""One worker at a time matches an area. Only saves work: the constraints keep it right."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager

from redis.exceptions import RedisError

from common.errors import Unavailable
from common.redis import client

LONGEST_RUN_S = 5  # a killed worker holds an area no longer than this
RELEASE = "if redis.call('get',KEYS[1])==ARGV[1] then return redis.call('del',KEYS[1]) end"


@contextmanager
def area_turn(area: str) -> Iterator[bool]:
    """Yield whether this worker may match ``area`` now.

    Whoever may not has left a note, which :func:`wanted_again` finds.
    """
    key, mine = f"dispatch:matching:{area}", secrets.token_hex(8)
    try:
        held = _try(key, mine) or _try_again(area, key, mine)
        try:
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
    client().set(_note(area), 1, ex=LONGEST_RUN_S)
    return _try(key, mine)


def wanted_again(area: str) -> bool:
    """Tell, once, whether somebody was turned away during the run."""
    return client().getdel(_note(area)) is not None


def _note(area: str) -> str:
    return f"dispatch:matching:{area}:again"
