"""Where errands were carried, written for many runners at once."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from itertools import chain
from uuid import UUID

from common.db import in_database, run_in_unit
from common.together import PerLoop, Together
from dispatch.models import TrailPoint
from dispatch.policy import Fix

REPORTS_AT_ONCE = 200


def trail_add(points: Sequence[TrailPoint]) -> None:
    run_in_unit(lambda: TrailPoint.objects.bulk_create(points))


def trail_write(points: Sequence[TrailPoint]) -> asyncio.Future[None]:
    """Done when the points are written: with those of whoever else reports meanwhile."""
    return _together().do(points)


async def _write(reports: Sequence[Sequence[TrailPoint]]) -> list[None]:
    await in_database(trail_add, list(chain.from_iterable(reports)))
    return [None] * len(reports)


_together: PerLoop[Together[Sequence[TrailPoint], None]] = PerLoop(
    lambda: Together(_write, most=REPORTS_AT_ONCE)
)


def trail_end(errand_id: UUID, runner_id: UUID) -> Fix | None:
    """Return the newest point that ``runner_id`` left for an errand."""
    trail = TrailPoint.objects.filter(errand_id=errand_id, runner_id=runner_id)
    point = trail.order_by("-recorded_at").first()
    if point is None:
        return None
    return Fix(point.lat, point.lng, point.accuracy, point.recorded_at)
