"""Which areas are matched by themselves, and which of them has a task on the queue.

That is a region; where it is crowded, each of its seven parts, and each of theirs. Kept in Redis
and found out again when that forgets it. Two who see it differently match an area that overlaps
another's: turns of runners and the constraints keep that right.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import h3
from django.conf import settings
from redis.exceptions import RedisError

from common.errors import Unavailable
from common.geo import AREA, REGION, area_around
from common.redis import client

QUEUED_S = 5  # a task that is lost with its worker keeps another one off no longer
PARTS = 7


def key_of(area: str, what: str = "") -> str:
    return f"dispatch:matching:{area}:{what}" if what else f"dispatch:matching:{area}"


# --- Crowded areas -----------------------------------------------------------------------


def areas_serving(areas: Iterable[str]) -> list[str]:
    """Name the areas in whose runs these (of any size) are matched now, each once.

    Raises:
        Unavailable: Redis does not answer.
    """
    paths = [_path(area) for area in areas]
    split = _split_among({area for path in paths for area in path[:-1]})
    return sorted({next((a for a in path if a not in split), path[-1]) for path in paths})


def _path(area: str) -> list[str]:
    """The region around ``area``, its part, and so on to ``area`` itself."""
    sizes = range(REGION, h3.get_resolution(area) + 1)
    return [area_around(area, size) for size in sizes] or [area]


def _split_among(areas: Iterable[str]) -> set[str]:
    asked = sorted(areas)
    if not asked:
        return set()
    try:
        found: list[Any] = client().mget([key_of(area, "split") for area in asked])
    except RedisError as error:
        raise Unavailable from error
    return {area for area, split in zip(asked, found, strict=True) if split}


def crowd_note(area: str, *, errands: int, runners: int) -> None:
    """Split an area that a run found crowded, and keep its parts apart while one is still full.

    Full is a part with half of its share of a crowd; a minute after the last one they are joined.
    """
    crowd = max(errands / settings.MATCHING_MOST_ERRANDS, runners / settings.MATCHING_MOST_RUNNERS)
    *around, itself = _path(area)
    split = around if crowd > 1 / (2 * PARTS) else []
    if crowd > 1 and h3.get_resolution(area) < AREA:
        split = [*split, itself]
    for each in split:
        client().set(key_of(each, "split"), 1, ex=settings.MATCHING_SPLIT_S)


# --- Tasks -------------------------------------------------------------------------------


def areas_to_queue(areas: Sequence[str]) -> list[str]:
    """Name those that serve ``areas`` and have no task on the queue; the caller puts it there.

    Without Redis none: runners could not be found either, and the sweep comes again.
    """
    try:
        serving = areas_serving(areas)
        pipe = client().pipeline(transaction=False)
        for area in serving:
            pipe.set(key_of(area, "queued"), 1, nx=True, ex=QUEUED_S)
        return [area for area, new in zip(serving, pipe.execute(), strict=True) if new]
    except (RedisError, Unavailable):
        return []


def queue_left(area: str) -> None:
    """Note that the task is not on the queue any more."""
    client().delete(key_of(area, "queued"))
