"""What is kept only for a while."""

from __future__ import annotations

from datetime import datetime, timedelta

from common.db import delete_all
from dispatch import locations
from dispatch.models import Corridor, RunnerMessage, Solve, TrailPoint

TRAILS_KEPT = timedelta(days=30)
MESSAGES_KEPT = timedelta(days=1)
SOLVES_KEPT = timedelta(days=30)


def forget_old(*, now: datetime) -> None:
    """Delete trails, messages, runs and corridors past their time, and silent runners' places.

    Raises:
        Unavailable: Redis does not answer; the rows are deleted all the same.
    """
    old = (
        TrailPoint.objects.filter(recorded_at__lt=now - TRAILS_KEPT),
        RunnerMessage.objects.filter(created_at__lt=now - MESSAGES_KEPT),
        Solve.objects.filter(created_at__lt=now - SOLVES_KEPT),
        Corridor.objects.filter(until__lt=now),
    )
    for rows in old:
        delete_all(rows)
    locations.forget_stale(now=now)
