"""Ways to decide who is asked: one area's open errands, and the people on duty there."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple
from uuid import UUID

import numpy as np

from common.geo import Point, walking_minutes
from dispatch.matching import Corridor, Free, Match, Rules, Visit, Wanted, solve
from dispatch.policy import reach_m
from dispatch.sandbox.city.areas import flat
from dispatch.sandbox.city.demand import Errand
from dispatch.sandbox.city.people import Person, Stop
from errands.states import Kind

REACH_STEPS = ((0, 600), (60, 1_200), (180, 2_000), (300, 3_000))  # as the product's
MOST_KG, MOST_BAGS = 15.0, 4
MOST_ADDED_MIN = 12.0  # so much longer may somebody's own way become
NOBODY = UUID(int=0)


@dataclass(frozen=True, slots=True)
class Policy:
    """Without ``rules`` nothing is solved: the nearest is asked, first come, first served."""

    name: str
    rules: Rules | None
    passing: bool = False  # people who pass by are asked too
    under_way: bool = False  # who carries something may be given more


ONE = Rules(most_carried=1, most_bundled=1)
POLICIES = (
    Policy("nearest first", None),
    Policy("batch", ONE),
    Policy("batch + corridor", ONE, passing=True),
    Policy("batch + corridor + bundles", Rules(), passing=True, under_way=True),
)


class Ask(NamedTuple):
    """Whom to ask for which errands, and all he would then have to visit."""

    person: Person
    errands: tuple[Errand, ...]
    stops: deque[Stop]


def asks(
    policy: Policy, errands: Sequence[Errand], people: Sequence[Person], now: float
) -> list[Ask]:
    """Decide for one area; ``people`` are those who may be asked under this policy."""
    if policy.rules is None:
        return _nearest(errands, people, now)
    wanted = [_wanted(errand, now) for errand in errands]
    free = [_free(person, now) for person in people]
    found = solve(wanted, free, rules=policy.rules)
    by_id = {person.id: person for person in people}
    named = {errand.id: errand for errand in errands}
    return [_ask(by_id[match.runner_id], match, named) for match in found.matches]


def _nearest(errands: Sequence[Errand], people: Sequence[Person], now: float) -> list[Ask]:
    """Each errand in the order of its posting takes the nearest who is left."""
    places = flat(person.position(now) for person in people)
    left = np.ones(len(people), dtype=bool)
    chosen = []
    for errand in errands:
        away = np.hypot(*(places - flat([errand.pickup])).T)
        may = left & (away <= reach_m(now - errand.posted, REACH_STEPS))
        may &= [person.id not in errand.declined_by for person in people]
        if may.any():
            row = int(np.where(may, away, np.inf).argmin())
            left[row] = False
            chosen.append(Ask(people[row], (errand,), deque(_stops(errand))))
    return chosen


def _stops(errand: Errand) -> tuple[Stop, Stop]:
    return Stop(errand.pickup, errand, True), Stop(errand.dropoff or errand.pickup, errand, False)


def _wanted(errand: Errand, now: float) -> Wanted:
    waited = now - errand.posted
    first, last = _stops(errand)
    return Wanted(
        id=errand.id, requester_id=NOBODY, kind=errand.kind, pickup=errand.pickup,
        dropoff=errand.dropoff, weight_kg=errand.weight_kg, bags=errand.bags, waited_s=waited,
        reach_m=reach_m(waited, REACH_STEPS), excluded=frozenset(errand.declined_by),
        pickup_service_s=first.service_s, dropoff_service_s=last.service_s,
    )  # fmt: skip


def _free(person: Person, now: float) -> Free:
    here = person.position(now)
    carried = [stop.errand for stop in person.stops if not stop.is_pickup]
    return Free(
        id=person.id, position=here, kinds=frozenset(Kind),
        kg_left=MOST_KG - sum(errand.weight_kg for errand in carried),
        bags_left=MOST_BAGS - sum(errand.bags for errand in carried),
        carried=len(carried),
        stops=tuple(Visit(stop.point, service_s=stop.service_s) for stop in person.stops),
        idle_s=now - person.asked,
        corridor=_corridor(person, here),
        from_s=max(0.0, person.left - now),
        until_s=person.off - now,
    )  # fmt: skip


def _corridor(person: Person, here: Point) -> Corridor | None:
    """What is left of the longer way that somebody bears who passes by."""
    if person.heading is None:
        return None
    left = walking_minutes(here, person.heading)
    walked = person.walked_min + walking_minutes(person.start, here)
    spent = walked + left - person.own_way_min
    return Corridor(person.heading, most_added_s=max(0.0, MOST_ADDED_MIN - spent) * 60)


def _ask(person: Person, match: Match, named: Mapping[UUID, Errand]) -> Ask:
    """Read the way of a match: what he already had comes in its old order."""
    old, met = deque(person.stops), set[UUID]()
    stops = deque[Stop]()
    for errand_id, _point in match.way:
        if errand_id is not None:
            pickup, dropoff = _stops(named[errand_id])
            stops.append(dropoff if errand_id in met else pickup)
            met.add(errand_id)
        elif old:  # what comes without one at the end is where he is heading
            stops.append(old.popleft())
    return Ask(person, tuple(named[errand_id] for errand_id in match.errand_ids), stops)
