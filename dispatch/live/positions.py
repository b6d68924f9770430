"""Positions on their way to who watches: Redis carries them by itself, past the channel layer.

Not kept anywhere: the latest wins, and the next one repairs what was lost.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from types import MappingProxyType
from uuid import UUID

import msgspec
from redis.exceptions import RedisError

from common.geo import Point
from common.redis import client, shared_client
from common.together import PerLoop, Together
from dispatch.live.messages import position_message, to_text
from dispatch.policy import thinned
from dispatch.protocol import MAX_PATH, PositionMessage

logger = logging.getLogger(__name__)

AT_ONCE = 500
PUBLISH_ALL = "for i = 1, #ARGV, 2 do redis.call('PUBLISH', ARGV[i], ARGV[i + 1]) end"
Published = Sequence[str]  # topic, text, topic, text, …
Ways = Mapping[UUID, Sequence[Point]]

NO_WAYS: Ways = MappingProxyType({})
_from_text = msgspec.json.Decoder(PositionMessage).decode


def position_topic(errand_id: UUID) -> str:
    return f"dispatch:errand:{errand_id.hex}:position"


def push_position(
    errand_ids: Iterable[UUID],
    *,
    point: Point,
    recorded_at: datetime,
    eta_minutes: Mapping[UUID, float | None],
    ways: Ways = NO_WAYS,
) -> asyncio.Future[None]:
    """Show the watchers of the errands that one runner carries where the runner is.

    ``ways`` are the places since the last time, for each errand; see ``PositionMessage.path``.
    On its way when this returns; the future never fails, what is lost is only logged.
    """
    return _together().do(_published(errand_ids, point, recorded_at, eta_minutes, ways))


def push_position_now(
    errand_ids: Iterable[UUID],
    *,
    point: Point,
    recorded_at: datetime,
    eta_minutes: Mapping[UUID, float | None],
    ways: Ways = NO_WAYS,
) -> None:
    """Do what :func:`push_position` does, where waiting is allowed."""
    args = _published(errand_ids, point, recorded_at, eta_minutes, ways)
    try:
        client().register_script(PUBLISH_ALL)(args=args)
    except RedisError as error:
        logger.warning("Redis lost a position: %r", error)


def _published(
    errand_ids: Iterable[UUID],
    point: Point,
    recorded_at: datetime,
    eta_minutes: Mapping[UUID, float | None],
    ways: Ways,
) -> Published:
    found: list[str] = []
    for errand_id in errand_ids:
        eta, way = eta_minutes.get(errand_id), ways.get(errand_id, ())
        message = position_message(point, recorded_at, eta, way)
        found += (position_topic(errand_id), to_text(message))
    return found


async def _publish(batch: Sequence[Published]) -> list[None]:
    publish = (await shared_client()).register_script(PUBLISH_ALL)
    try:
        await publish(args=[part for published in batch for part in published])
    except RedisError as error:
        logger.warning("Redis lost %d positions: %r", len(batch), error)
    return [None] * len(batch)


_together: PerLoop[Together[Published, None]] = PerLoop(lambda: Together(_publish, most=AT_ONCE))


def joined(earlier: str, later: str) -> str:
    """Make one message of two that a slow socket has not taken, so that its line has no hole."""
    first, last = _from_text(earlier), _from_text(later)
    way = thinned([*_way(first), *_way(last)], MAX_PATH)
    return to_text(msgspec.structs.replace(last, path=[tuple(place) for place in way]))


def _way(message: PositionMessage) -> Sequence[Point]:
    return [Point(*place) for place in message.path] or [Point(message.lat, message.lng)]
