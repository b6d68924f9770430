"""The staff's live map at one moment."""

from __future__ import annotations

from collections import Counter
from datetime import datetime
from typing import Any

from common.geo import Point
from dispatch import locations
from dispatch.protocol import Snapshot
from errands.models import Errand
from errands.states import UNDERWAY, State

SHOWN = UNDERWAY | {State.OPEN}
MOST_SHOWN = 1_000  # a map with more than that shows nothing


def snapshot(*, now: datetime) -> Snapshot:
    """Runners by their last position, errands that wait or are underway, and how many of each."""
    errands = list(Errand.objects.filter(state__in=SHOWN).order_by("-id")[:MOST_SHOWN])
    busy = {errand.runner_id for errand in errands if errand.state in UNDERWAY}
    places = locations.everyone(now)
    runners = [
        {"id": runner_id, "lat": point.lat, "lng": point.lng, "busy": runner_id in busy}
        for runner_id, point in places.items()
    ]
    counts = Counter(errand.state for errand in errands)
    return Snapshot(
        runners=runners,
        errands=[_shown(errand) for errand in errands],
        counts={"runners": len(runners), "busy": len(busy), **counts},
        at=now,
    )


def _shown(errand: Errand) -> dict[str, Any]:
    return {
        "id": errand.pk,
        "state": errand.state,
        "kind": errand.kind,
        "pickup": _place(errand.pickup),
        "dropoff": _place(errand.dropoff),
        "runner_id": errand.runner_id,
    }


def _place(point: Point | None) -> dict[str, float] | None:
    return None if point is None else {"lat": point.lat, "lng": point.lng}
