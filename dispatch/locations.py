"""Where runners are now: the one place that touches live positions in Redis.

Nothing here is needed to recover: an empty Redis fills again with the next reports. Every
function raises ``Unavailable`` when Redis does not answer in time.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import redis.asyncio
from django.conf import settings
from redis.exceptions import RedisError

from common import clock
from common.errors import Unavailable
from common.geo import METRES_PER_DEGREE, Point
from common.redis import async_client, client
from dispatch.policy import Fix

WHERE = "dispatch:where"  # GEO: runner → position
WHEN = "dispatch:when"  # sorted set: runner → epoch seconds of that position
LAST_KEPT_S = 24 * 3600
OCCUPATION_S = 30
STALE_AFTER = timedelta(hours=1)
MOST_SHOWN = 5_000

_clients: dict[asyncio.AbstractEventLoop, redis.asyncio.Redis] = {}
_owners: dict[asyncio.AbstractEventLoop, AsyncGenerator[redis.asyncio.Redis]] = {}


async def _owned(loop: asyncio.AbstractEventLoop) -> AsyncGenerator[redis.asyncio.Redis]:
    """Keep a client open; a loop that ends closes its generators, and this one the client."""
    opened = async_client()
    try:
        yield opened
    finally:
        _clients.pop(loop, None)
        _owners.pop(loop, None)
        await opened.aclose()


async def _client() -> redis.asyncio.Redis:
    """Return the running loop's own client: connections can't move between loops."""
    loop = asyncio.get_running_loop()
    if loop not in _clients:
        owner = _owned(loop)
        _clients[loop], _owners[loop] = await anext(owner), owner
    return _clients[loop]


@contextmanager
def _asking() -> Iterator[None]:
    try:
        yield
    except RedisError as error:
        raise Unavailable from error


def _last_key(runner_id: UUID) -> str:
    return f"dispatch:runner:{runner_id.hex}:last"


def _occupation_key(runner_id: UUID) -> str:
    return f"dispatch:runner:{runner_id.hex}:occupation"


# --- Writing -----------------------------------------------------------------------------


async def remember(runner_id: UUID, fixes: Sequence[Fix]) -> None:
    """Store where the runner is: the last of ``fixes``, which were kept by the policy."""
    with _asking():
        pipe = (await _client()).pipeline(transaction=False)
        fix, key = fixes[-1], _last_key(runner_id)
        _queue_place(pipe, runner_id, fix.point, fix.recorded_at)
        pipe.hset(key, mapping=_to_hash(fix))
        pipe.expire(key, LAST_KEPT_S)
        await pipe.execute()


def place(runner_id: UUID, point: Point, *, now: datetime) -> None:
    """Put a runner on the map at the start of a duty.

    Not the first of the reports: the server's clock, or a place chosen by hand, must not make
    the phone's own points look late or impossibly fast.
    """
    with _asking():
        pipe = client().pipeline(transaction=False)
        _queue_place(pipe, runner_id, point, now)
        pipe.execute()


def _queue_place(pipe: Any, runner_id: UUID, point: Point, at: datetime) -> None:
    pipe.geoadd(WHERE, (point.lng, point.lat, runner_id.hex))
    pipe.zadd(WHEN, {runner_id.hex: at.timestamp()})


def forget(runner_id: UUID) -> None:
    """Remove every trace of a runner's position."""
    with _asking():
        pipe = client().pipeline(transaction=False)
        pipe.zrem(WHERE, runner_id.hex)
        pipe.zrem(WHEN, runner_id.hex)
        pipe.delete(_last_key(runner_id), _occupation_key(runner_id))
        pipe.execute()


def forget_stale(*, now: datetime) -> int:
    """Take runners off the map who have not reported for an hour; return how many."""
    with _asking():
        before = (now - STALE_AFTER).timestamp()
        members: list[Any] = client().zrangebyscore(WHEN, "-inf", before)
        if members:
            client().zrem(WHERE, *members)
            client().zrem(WHEN, *members)
        return len(members)


# --- Reading -----------------------------------------------------------------------------


def around(
    points: Iterable[Point], margin_m: float, *, now: datetime | None = None
) -> dict[UUID, Point]:
    """Return the runners in the box that holds ``points`` with ``margin_m`` on every side."""
    lats, lngs = zip(*points, strict=True)
    middle = Point((min(lats) + max(lats)) / 2, (min(lngs) + max(lngs)) / 2)
    # Degrees of longitude are shorter than of latitude, so this box is rather too wide.
    height, width = (
        (max(side) - min(side)) * METRES_PER_DEGREE + 2 * margin_m for side in (lats, lngs)
    )
    with _asking():
        found: list[Any] = client().geosearch(
            WHERE, longitude=middle.lng, latitude=middle.lat, width=width, height=height,
            unit="m", withcoord=True,
        )  # fmt: skip
        fresh = _fresh([row[0] for row in found], now)
    return {UUID(m): Point(lat, lng) for m, (lng, lat) in found if m in fresh}


def positions_of(ids: Iterable[UUID], *, now: datetime | None = None) -> dict[UUID, Point]:
    """Return the fresh positions among ``ids``."""
    members = [runner_id.hex for runner_id in ids]
    if not members:
        return {}
    with _asking():
        places = client().geopos(WHERE, *members)
        fresh = _fresh(members, now)
    return {
        UUID(member): Point(at[1], at[0])
        for member, at in zip(members, places, strict=True)
        if at and member in fresh
    }


def everyone(*, now: datetime | None = None) -> dict[UUID, Point]:
    """Return the fresh positions, for the staff's map; of very many the newest."""
    with _asking():
        members = client().zrevrangebyscore(WHEN, "+inf", _oldest(now), start=0, num=MOST_SHOWN)
    return positions_of((UUID(str(member)) for member in members), now=now)


def last(runner_id: UUID, *, now: datetime | None = None) -> Fix | None:
    """Return the last reported position in full, if it is fresh."""
    with _asking():
        fix = _from_hash(client().hgetall(_last_key(runner_id)))
    return fix if fix and fix.recorded_at.timestamp() >= _oldest(now) else None


def _oldest(now: datetime | None) -> float:
    return (now or clock.now()).timestamp() - settings.POSITION_FRESH_S


def _fresh(members: Sequence[str], now: datetime | None) -> set[str]:
    if not members:
        return set()
    oldest = _oldest(now)
    times: list[Any] = client().zmscore(WHEN, list(members))
    return {m for m, at in zip(members, times, strict=True) if at is not None and at >= oldest}


# --- What the path of a report needs to know, in one round trip ----------------------------


async def recall(runner_id: UUID) -> tuple[Fix | None, str | None]:
    """Return the last position and the occupation noted with :func:`note_occupation`."""
    with _asking():
        pipe = (await _client()).pipeline(transaction=False)
        pipe.hgetall(_last_key(runner_id))
        pipe.get(_occupation_key(runner_id))
        stored, occupation = await pipe.execute()
    return _from_hash(stored), occupation


async def note_occupation(runner_id: UUID, occupation: str) -> None:
    """Note for half a minute what a runner is doing, so that reports need no database."""
    with _asking():
        await (await _client()).set(_occupation_key(runner_id), occupation, ex=OCCUPATION_S)


def forget_occupation(runner_id: UUID) -> None:
    """Have the next report look it up again."""
    with _asking():
        client().delete(_occupation_key(runner_id))


def _to_hash(fix: Fix) -> dict[Any, float]:
    values = {**fix._asdict(), "recorded_at": fix.recorded_at.timestamp()}
    return {name: value for name, value in values.items() if value is not None}


def _from_hash(stored: Mapping[Any, Any]) -> Fix | None:
    if not stored:
        return None
    numbers = {str(name): float(value) for name, value in stored.items()}
    return Fix(
        lat=numbers["lat"],
        lng=numbers["lng"],
        accuracy=numbers["accuracy"],
        recorded_at=datetime.fromtimestamp(numbers["recorded_at"], UTC),
        speed=numbers.get("speed"),
        heading=numbers.get("heading"),
    )
