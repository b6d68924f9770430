"""What runners carry, and where they are going anyway."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime
from typing import Any
from uuid import UUID

from accounts.models import RunnerProfile, User
from common.prepared import prepared_models
from dispatch import locations
from dispatch.models import Corridor
from dispatch.policy import Load, minutes_along, route
from errands.models import Errand
from errands.states import UNDERWAY, State

# What carrying is about; there may be thousands of them.
OF_A_LOAD = (
    "runner_id", "state", "pickup_lat", "pickup_lng", "dropoff_lat", "dropoff_lng", "weight_kg",
    "bags", "expected_minutes", "walking_minutes", "deadline_at", "accepted_at", "created_at",
    "version", "id",
)  # fmt: skip
CARRIED = prepared_models(
    Errand, OF_A_LOAD, lambda ids: Errand.objects.filter(runner_id__in=ids, state__in=UNDERWAY)
)
CORRIDORS = prepared_models(
    Corridor,
    [field.attname for field in Corridor._meta.concrete_fields],
    lambda ids, now: Corridor.objects.filter(runner_id__in=ids, until__gt=now),
)


def carried_by(ids: Iterable[UUID]) -> dict[UUID, list[Errand]]:
    """Return what each of these runners carries now, in the order of acceptance."""
    carried: dict[UUID, list[Errand]] = defaultdict(list)
    for errand in CARRIED.rows(ids=list(ids)):
        if errand.runner_id is not None:
            carried[errand.runner_id].append(errand)
    for errands in carried.values():
        errands.sort(key=lambda errand: (errand.accepted_at or errand.created_at, errand.pk))
    return dict(carried)


def corridors_of(ids: Iterable[UUID], *, now: datetime) -> dict[UUID, Corridor]:
    """Return where these runners said that they are going until later than ``now``."""
    return {corridor.runner_id: corridor for corridor in CORRIDORS.rows(ids=list(ids), now=now)}


def corridor_on_duty(corridor: Corridor | None, duty_since: datetime | None) -> Corridor | None:
    """Leave out a corridor of an earlier duty: it ended with that, whoever ended it."""
    if corridor is None or duty_since is None or corridor.created_at < duty_since:
        return None
    return corridor


def duty_standing(user: User, *, now: datetime) -> tuple[bool, Corridor | None]:
    """Tell whether ``user`` is on duty, and where they are going anyway."""
    profile = RunnerProfile.objects.filter(user_id=user.pk, on_duty=True).first()
    if profile is None:
        return False, None
    declared = corridors_of([user.pk], now=now)
    return True, corridor_on_duty(declared.get(user.pk), profile.duty_since)


def corridor_view(corridor: Corridor) -> dict[str, Any]:
    """A corridor as its runner sees it, in JSON's own types."""
    return {
        "destination": corridor.destination._asdict(),
        "until": corridor.until.isoformat(),
        "most_added_minutes": corridor.most_added_minutes,
    }


def load_of(errand: Errand) -> Load:
    """Return the places where the runner still has to go for an errand underway."""
    after = () if errand.dropoff is None else (errand.dropoff,)
    left = {
        State.PICKED_UP: after,
        State.AT_DROPOFF: after,
        State.RETURNING: (errand.pickup,),
    }
    return Load(errand.pk, left.get(State(errand.state), (errand.pickup, *after)))


def added_minutes(runner_id: UUID, errand: Errand) -> float:
    """Return the walking minutes that ``errand`` adds to what the runner does anyway."""
    here = locations.positions_of([runner_id]).get(runner_id)
    if here is None:
        return errand.walking_minutes
    loads = [load_of(each) for each in carried_by([runner_id]).get(runner_id, [])]
    alone = minutes_along(here, route(here, loads))
    return minutes_along(here, route(here, [*loads, load_of(errand)])) - alone
