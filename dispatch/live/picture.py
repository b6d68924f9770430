"""Where everybody is at one moment: on the staff's live map, on a requester's."""

from __future__ import annotations

from collections import Counter
from datetime import datetime
from typing import Any
from uuid import UUID

from common.errors import Unavailable
from common.geo import Point
from dispatch import locations
from dispatch.live.messages import position_message
from dispatch.policy import eta_minutes
from dispatch.protocol import PositionMessage, Snapshot
from dispatch.selectors import carried_by, load_of
from errands.models import Errand
from errands.states import UNDERWAY, State

SHOWN = UNDERWAY | {State.OPEN}
MOST_SHOWN = 1_000  # a map with more than that shows nothing


def snapshot(*, now: datetime) -> Snapshot:
    """Runners by their last position, errands that wait or are underway, and how many of each."""
    errands = list(Errand.objects.filter(state__in=SHOWN).order_by("-id")[:MOST_SHOWN])
    busy = {errand.runner_id for errand in errands if errand.state in UNDERWAY}
    places = locations.everyone(now=now)
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


def last_position(errand_id: UUID, *, now: datetime) -> PositionMessage | None:
    """Where an errand's runner was last seen, for a watcher who has just come."""
    errand = Errand.objects.filter(pk=errand_id, state__in=UNDERWAY).first()
    if errand is None or errand.runner_id is None:
        return None
    try:
        fix = locations.last(errand.runner_id, now=now)
    except Unavailable:
        return None  # the next report will tell
    if fix is None:
        return None
    loads = [load_of(each) for each in carried_by([errand.runner_id])[errand.runner_id]]
    return position_message(fix.point, fix.recorded_at, eta_minutes(fix.point, loads, errand.pk))


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
