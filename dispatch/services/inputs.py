"""What a matching run reads: an area's errands and the runners around them, each once."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from operator import attrgetter
from typing import NamedTuple
from uuid import UUID

from django.conf import settings
from django.db.models import Max

from accounts.selectors import OnDuty, on_duty
from common.geo import Box, Point, area_span, areas_in, box_around
from common.prepared import prepared_models
from dispatch import locations, matching
from dispatch.matching import Free, Wanted
from dispatch.matching.borders import Spot, along, belonging, in_reach
from dispatch.matching.shapes import NEVER
from dispatch.models import Corridor, Offer, OfferState
from dispatch.policy import reach_m
from dispatch.selectors import (
    NEVER_AGAIN,
    answers_about,
    carried_by,
    corridor_on_duty,
    corridors_of,
    errands_asked,
    runners_asked,
    visible_until,
)
from dispatch.services.visits import stay_s, visits
from errands.models import Errand

IDLE_WINDOW = timedelta(hours=1)
AHEAD_M = 1_500.0  # out of reach, but a runner under way may come through it
WHERE_AND_WHEN = ("id", "area", "pickup_lat", "pickup_lng", "created_at", "opened_at", "starts_at")
# All that a run and the offers it makes need; half of the columns are for people.
READ = (
    *WHERE_AND_WHEN, "requester_id", "kind", "title", "dropoff_lat", "dropoff_lng", "weight_kg",
    "bags", "expected_minutes", "deadline_at", "reward", "budget", "version",
)  # fmt: skip


class Inputs(NamedTuple):
    """``lent``: on the ways of runners in reach who are nearer to an errand of the next area."""

    errands: dict[UUID, Errand]
    wanted: list[Wanted]
    free: list[Free]
    lent: list[Point]


def inputs_of(area: str, *, now: datetime) -> Inputs | None:
    """Read what an area's run needs; None when no errand there waits to be offered.

    Raises:
        Unavailable: Redis does not answer.
    """
    first, last = area_span(area)
    found = VISIBLE.rows(now=now, soon=now + settings.SCHEDULE_LEAD, first=first, last=last)
    errands = {errand.pk: errand for errand in sorted(found, key=attrgetter("pk"))}
    wanted = _wanted(errands, now)
    if not wanted:
        return None
    return Inputs(errands, wanted, *_runners(area, wanted, now))


# --- Errands -----------------------------------------------------------------------------


def _wanted(errands: Mapping[UUID, Errand], now: datetime) -> list[Wanted]:
    """What there is to know of errands, of those about which nobody is being asked now."""
    excluded: defaultdict[UUID, set[UUID]] = defaultdict(set)
    ignored: defaultdict[UUID, Counter[UUID]] = defaultdict(Counter)
    asked: set[UUID] = set()
    for errand_id, runner_id, state in answers_about(errands):
        if state == OfferState.OFFERED:
            asked.add(errand_id)
        elif state in NEVER_AGAIN:
            excluded[errand_id].add(runner_id)
        else:
            ignored[errand_id][runner_id] += 1
    return [
        _wish(e, excluded[e.pk], ignored[e.pk], now) for e in errands.values() if e.pk not in asked
    ]


def _wish(errand: Errand, excluded: set[UUID], ignored: Counter[UUID], now: datetime) -> Wanted:
    return Wanted(
        id=errand.pk,
        requester_id=errand.requester_id,
        kind=errand.kind,
        pickup=errand.pickup,
        dropoff=errand.dropoff,
        weight_kg=errand.weight_kg,
        bags=errand.bags,
        waited_s=errand.waited_s(now),
        reach_m=_reach(errand, now),
        excluded=frozenset(excluded),
        ignored=dict(ignored),
        ready_s=max(0.0, _seconds(errand.starts_at, now, never=0.0)),
        due_s=_seconds(errand.deadline_at, now, never=NEVER),
        pickup_service_s=stay_s(errand, errand.pickup),
        dropoff_service_s=stay_s(errand, errand.dropoff),
        origin=errand.pickup,
    )


def _reach(errand: Errand, now: datetime) -> float:
    return reach_m(errand.waited_s(now), settings.REACH_STEPS)


def _seconds(at: datetime | None, now: datetime, *, never: float) -> float:
    return never if at is None else (at - now).total_seconds()


# --- Runners -----------------------------------------------------------------------------


def _runners(area: str, wanted: Sequence[Wanted], now: datetime) -> tuple[list[Free], list[Point]]:
    """Return the runners who belong to these errands; and the ways of those who do not.

    Looked at is who stands in reach, and who is under way not far from it.
    """
    ours = [Spot(each.pickup, each.reach_m) for each in wanted]
    pickups, reach = [spot.point for spot in ours], max(spot.reach_m for spot in ours)
    places = locations.around(pickups, reach, ahead_m=AHEAD_M, now=now)
    for asked in runners_asked(places):
        del places[asked]
    if not places:
        return [], []
    near = zip(places, in_reach(list(places.values()), ours).tolist(), strict=True)
    free = _free(places, {pk for pk, is_near in near if is_near}, now)
    if not free:
        return [], []
    return _divided(free, ours, _beyond(area, box_around(pickups, 2 * reach), now))


def _divided(
    free: Sequence[Free], ours: Sequence[Spot], others: Sequence[Spot]
) -> tuple[list[Free], list[Point]]:
    ways = [_way_of(runner) for runner in free]
    found = list(zip(free, ways, *belonging(ways, ours, others), strict=True))
    mine = [runner for runner, _way, _in_reach, belongs in found if belongs]
    lent = [way for _runner, way, in_reach, belongs in found if in_reach and not belongs]
    return mine, [place for way in lent for place in way]


def _way_of(runner: Free) -> list[Point]:
    end = [runner.corridor.destination] if runner.corridor else []
    return along([runner.position, *(stop.point for stop in runner.stops), *end])


def _beyond(area: str, box: Box, now: datetime) -> list[Spot]:
    """The waiting errands of other areas that could be nearer to a runner in reach of ours."""
    first, last = area_span(area)
    areas = [name for name in areas_in(box) if not first <= name <= last]
    errands = BEYOND.rows(now=now, soon=now + settings.SCHEDULE_LEAD, areas=areas)
    asked = errands_asked([errand.pk for errand in errands])
    return [Spot(e.pickup, _reach(e, now)) for e in errands if e.pk not in asked]


def _free(places: Mapping[UUID, Point], near: set[UUID], now: datetime) -> list[Free]:
    """Those on duty who are ``near``, or under way, with what they carry."""
    carried = carried_by(places)
    declared = corridors_of(places, now=now)
    profiles = on_duty(near | carried.keys() | declared.keys())
    asked_last = _asked_last(profiles, now)
    return [
        _runner(
            profile, places[runner_id], carried.get(runner_id, ()), asked_last.get(runner_id),
            corridor_on_duty(declared.get(runner_id), profile.duty_since), now,
        )
        for runner_id, profile in sorted(profiles.items())
    ]  # fmt: skip


def _asked_last(ids: Iterable[UUID], now: datetime) -> dict[UUID, datetime]:
    recent = Offer.objects.filter(runner_id__in=list(ids), created_at__gte=now - IDLE_WINDOW)
    return dict(recent.values_list("runner_id").annotate(Max("created_at")))


def _runner(
    profile: OnDuty, position: Point, carried: Collection[Errand],
    asked_last: datetime | None, corridor: Corridor | None, now: datetime,
) -> Free:  # fmt: skip
    idle_since = asked_last or profile.duty_since or now
    return Free(
        id=profile.user_id,
        position=position,
        kinds=frozenset(profile.kinds),
        kg_left=profile.max_kg - sum(errand.weight_kg for errand in carried),
        bags_left=profile.max_bags - sum(errand.bags for errand in carried),
        carried=len(carried),
        stops=visits(position, carried, now),
        idle_s=max(0.0, (now - idle_since).total_seconds()),
        corridor=None if corridor is None else _way(corridor, now),
    )


def _way(corridor: Corridor, now: datetime) -> matching.Corridor:
    return matching.Corridor(
        destination=corridor.destination,
        most_added_s=corridor.most_added_minutes * 60.0,
        until_s=(corridor.until - now).total_seconds(),
    )


# Compiled once.
VISIBLE = prepared_models(
    Errand,
    READ,
    lambda now, soon, first, last: visible_until(now, soon).filter(area__range=(first, last)),
)
BEYOND = prepared_models(
    Errand, WHERE_AND_WHEN,
    lambda now, soon, areas: visible_until(now, soon).filter(area__in=areas),
)  # fmt: skip
