"""What whoever follows an errand may know, and how busy it is."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from accounts.models import RunnerProfile
from common.errors import Unavailable
from dispatch import locations
from dispatch.live import tracked_errand
from dispatch.models import TrailPoint
from dispatch.policy import Fix, eta_minutes
from dispatch.selectors.carrying import carried_by, load_of
from dispatch.selectors.waiting import block
from errands.models import Errand, ErrandEvent, label_of
from errands.states import TWO_PLACES, UNDERWAY, Kind, State

MOST_WALKED, MOST_TRAIL = 500, 5_000  # a point every 3 s for four hours
PATH = (
    State.OPEN, State.ASSIGNED, State.AT_PICKUP, State.PICKED_UP, State.AT_DROPOFF,
    State.DELIVERED, State.COMPLETED,
)  # fmt: skip


def tracking(token: str, *, now: datetime) -> dict[str, Any]:
    """Return what whoever holds the link may know: state and place, nothing about people.

    Raises:
        NotFound: no such link, or 24 h after the end.
    """
    errand = tracked_errand(token, now=now)
    events = list(ErrandEvent.objects.filter(errand=errand).order_by("sequence"))
    underway = errand.state in UNDERWAY
    fix = _last_fix(errand.runner_id, now) if underway else None
    times = [event.created_at for event in events[-1:]] + ([fix.recorded_at] if fix else [])
    return {
        "kind": errand.kind,
        "state": errand.state,
        "state_label": errand.state_label,
        "progress": _progress(errand, events),
        "pickup": block(errand.pickup),
        "dropoff": block(errand.dropoff),
        "position": fix.point._asdict() if fix else None,
        "eta_minutes": _eta(errand, fix) if fix else None,
        "walked": _walked(errand) if underway else [],
        "updated_at": max(times, default=errand.created_at).isoformat(),
        "ended": errand.ended_at is not None,
    }


def _last_fix(runner_id: UUID | None, now: datetime) -> Fix | None:
    """The runner's fresh position; a lost Redis only costs the page its dot."""
    try:
        return None if runner_id is None else locations.last(runner_id, now=now)
    except Unavailable:
        return None


def _eta(errand: Errand, fix: Fix) -> float | None:
    carried = carried_by([errand.runner_id]).get(errand.runner_id, [])
    return eta_minutes(fix.point, [load_of(each) for each in carried], errand.pk)


def _progress(errand: Errand, events: Sequence[ErrandEvent]) -> list[dict[str, Any]]:
    """The main road with the times at which it was walked, then any exit taken from it."""
    reached: dict[str, datetime] = {}
    for event in events:
        # Given back: what was reached before has to be reached again.
        if event.to_state == State.OPEN:
            reached = {}
        reached[event.to_state] = event.created_at
    path = [step for step in PATH if errand.kind in TWO_PLACES or step != State.AT_DROPOFF]
    if errand.state not in path:
        path = [*(step for step in path if step in reached), State(errand.state)]
    return [_step(state, Kind(errand.kind), reached.get(state)) for state in path]


def _step(state: State, kind: Kind, at: datetime | None) -> dict[str, Any]:
    return {
        "state": state.value,
        "label": label_of(state, kind),
        "at": None if at is None else at.isoformat(),
    }


def _walked(errand: Errand) -> list[dict[str, float]]:
    """The way of the present runner so far, thinned to at most 500 points."""
    trail = TrailPoint.objects.filter(errand=errand, runner_id=errand.runner_id)
    points = list(trail.order_by("-recorded_at").values("lat", "lng")[:MOST_TRAIL])
    # Thinned from its end, so that the line always reaches the runner.
    every = -(-len(points) // MOST_WALKED) or 1
    return [{"lat": row["lat"], "lng": row["lng"]} for row in points[::every][::-1]]


def pulse(now: datetime) -> dict[str, int]:
    """How busy it is: three counts; ``now`` in local time tells when today began."""
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    done = Errand.objects.filter(state=State.COMPLETED, ended_at__gte=midnight)
    return {
        "runners_on_duty": RunnerProfile.objects.filter(on_duty=True).count(),
        "errands_underway": Errand.objects.filter(state__in=UNDERWAY).count(),
        "completed_today": done.count(),
    }
