"""Where a runner still has to go, and by when: promises as a matching run knows them."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from common.geo import Point
from dispatch.matching import Visit
from dispatch.matching.shapes import NEVER
from dispatch.policy import promised_at, route
from dispatch.selectors import load_of
from errands.models import Errand
from errands.pricing import APPROACH_MINUTES, DOOR_MINUTES
from errands.states import State


def visits(position: Point, carried: Collection[Errand], now: datetime) -> tuple[Visit, ...]:
    """Return the stops of a runner in the order in which he will make them."""
    if not carried:
        return ()
    errands = {errand.pk: errand for errand in carried}
    stops = route(position, [load_of(errand) for errand in carried])
    ends = {stop.errand_id: number for number, stop in enumerate(stops)}
    return tuple(
        Visit(
            stop.point,
            due_s=_due_s(errands[stop.errand_id], now) if ends[stop.errand_id] == number else NEVER,
            service_s=stay_s(errands[stop.errand_id], stop.point),
        )
        for number, stop in enumerate(stops)
    )


def stay_s(errand: Errand, place: Point | None) -> float:
    """Return the seconds spent at a place of an errand: its door, and the wait at the first."""
    if place is None:
        return 0.0
    waits = errand.expected_minutes if place == errand.pickup else 0
    return (DOOR_MINUTES + waits) * 60


def _due_s(errand: Errand, now: datetime) -> float:
    """Until when the errand must be at its last place; what is brought back has no such time."""
    if errand.state == State.RETURNING:
        return NEVER
    promised = promised_at(
        errand.deadline_at,
        accepted_at=errand.accepted_at or errand.created_at,
        minutes=APPROACH_MINUTES + errand.walking_minutes + errand.expected_minutes
        + DOOR_MINUTES * (1 if errand.dropoff is None else 2),
    )  # fmt: skip
    return (promised - now).total_seconds()
