"""The rules of matching a second time, slowly: every way is walked again, step by step."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from common.geo import METRES_PER_DEGREE, Point, walking_minutes
from dispatch.matching import Free, Match, Rules, Visit, Wanted

SLACK_S = 0.5  # the flat map and the sphere differ by less
NEVER = math.inf


class Place(NamedTuple):
    """A visit, and of which errand; its pickups come first."""

    visit: Visit
    errand: Wanted | None = None
    is_pickup: bool = False


class Walked(NamedTuple):
    """When each place was reached, and how long was walked; in seconds."""

    arrive: list[float]
    begin: list[float]
    walked: float


def seconds(a: Point, b: Point) -> float:
    return walking_minutes(a, b) * 60


def places_of(runner: Free) -> list[Place]:
    """What the runner has to visit anyway, his destination last."""
    stops = [Place(stop) for stop in runner.stops]
    if runner.corridor:
        stops.append(Place(Visit(runner.corridor.destination, due_s=runner.corridor.until_s)))
    return stops


def pickup_of(errand: Wanted, runner: Free) -> Place:
    visit = Visit(errand.pickup, runner.until_s, errand.ready_s, errand.pickup_service_s)
    return Place(visit, errand, is_pickup=True)


def dropoff_of(errand: Wanted) -> Place:
    point = errand.dropoff or errand.pickup
    return Place(Visit(point, errand.due_s, 0.0, errand.dropoff_service_s), errand)


def walk(runner: Free, way: Sequence[Place]) -> Walked:
    at, now, before = runner.position, runner.from_s, Place(Visit(runner.position))
    arrive, begin, walked = [], [], 0.0
    for place in way:
        leg = seconds(at, place.visit.point)
        walked += leg
        arrive.append(now + leg)
        begin.append(max(now + leg, place.visit.ready_s))
        now = begin[-1] + (0.0 if one_stop(before, place) else place.visit.service_s)
        at, before = place.visit.point, place
    return Walked(arrive, begin, walked)


def one_stop(before: Place, place: Place) -> bool:
    """Two collections of one shop, one after the other."""
    if not (before.is_pickup and place.is_pickup and before.errand and place.errand):
        return False
    return place.errand.origin is not None and before.errand.origin == place.errand.origin


def kept(runner: Free, way: Sequence[Place], slack_s: float = SLACK_S) -> bool:
    """Whether nothing is later than promised, or than it would have been anyway."""
    plain = walk(runner, places_of(runner))
    anyway = iter(plain.arrive)
    done = walk(runner, way)
    for place, arrive, begin in zip(way, done.arrive, done.begin, strict=True):
        reached = begin if place.is_pickup else arrive
        most = place.visit.due_s if place.errand else max(place.visit.due_s, next(anyway))
        if reached > most + slack_s:
            return False
    return done.walked <= longest(runner, plain.walked) + slack_s


def longest(runner: Free, walked: float) -> float:
    """How far a corridor lets him walk, who may have to walk farther already."""
    if not runner.corridor:
        return NEVER
    direct = seconds(runner.position, runner.corridor.destination)
    return max(direct + runner.corridor.most_added_s, walked)


def added(errand: Wanted, runner: Free, slack_s: float = SLACK_S) -> float:
    """The fewest minutes that the errand adds to the runner's way, infinite if it can't be."""
    old = places_of(runner)
    last = len(old) - (runner.corridor is not None)
    ways = (
        [*old[:p], pickup_of(errand, runner), *old[p:d], dropoff_of(errand), *old[d:]]
        for p in range(last + 1)
        for d in range(p, last + 1)
    )
    walked = [walk(runner, way).walked for way in ways if kept(runner, way, slack_s)]
    return (min(walked, default=NEVER) - walk(runner, old).walked) / 60


def may(errand: Wanted, runner: Free, rules: Rules) -> bool:
    return (
        errand.kind in runner.kinds
        and runner.id not in errand.excluded | {errand.requester_id}
        and errand.weight_kg <= runner.kg_left
        and errand.bags <= runner.bags_left
        and runner.carried < rules.most_carried
        and away_m(errand, runner) <= errand.reach_m
    )


def away_m(errand: Wanted, runner: Free) -> float:
    """How far the pickup is from the runner's way, on a flat map of its own."""
    way = [runner.position, *(place.visit.point for place in places_of(runner))]
    flat = [complex(*_from(errand.pickup, point)) for point in way]
    legs = list(itertools.pairwise(flat)) or [(flat[0], flat[0])]
    return min(_to_leg(start, end) for start, end in legs)


def _from(middle: Point, point: Point) -> tuple[float, float]:
    stretch = math.cos(math.radians(middle.lat))
    north, east = point.lat - middle.lat, (point.lng - middle.lng) * stretch
    return north * METRES_PER_DEGREE, east * METRES_PER_DEGREE


def _to_leg(start: complex, end: complex) -> float:
    along = end - start
    share = 0.0
    if along:
        share = min(1.0, max(0.0, (-start * along.conjugate()).real / abs(along) ** 2))
    return abs(start + share * along)


def faults(match: Match, runner: Free, errands: Sequence[Wanted], rules: Rules) -> Iterator[str]:
    """Say which rules a match breaks; ``errands`` are its own, in its order."""
    broken = {
        "bundle too large": not 1 <= len(errands) <= rules.most_bundled,
        "hands full": runner.carried + len(errands) > rules.most_carried,
        "too heavy": sum(e.weight_kg for e in errands) > runner.kg_left + 1e-9,
        "too many bags": sum(e.bags for e in errands) > runner.bags_left,
        "wrong kind": any(e.kind not in runner.kinds for e in errands),
        "excluded": any(runner.id in e.excluded | {e.requester_id} for e in errands),
        "out of reach": any(term["distance_m"] > term["reach_m"] for term in match.terms),
    }
    yield from (fault for fault, true in broken.items() if true)
    yield from _faults_of_way(match, runner, errands)


def _faults_of_way(match: Match, runner: Free, errands: Sequence[Wanted]) -> Iterator[str]:
    way = _told(match, runner, errands)
    if [place.errand.id for place in way if place.is_pickup and place.errand] != [
        errand.id for errand in errands
    ]:
        yield "another order of pickups"
    if [place for place in way if not place.errand] != places_of(runner):
        yield "his own stops changed"
    if runner.corridor and way[-1].errand:
        yield "ends elsewhere"
    if not kept(runner, way):
        yield "a promise broken"
    more = walk(runner, way).walked - walk(runner, places_of(runner)).walked
    if abs(more / 60 - sum(terms["added_minutes"] for terms in match.terms)) > 0.05:
        yield "other minutes than told"


def _told(match: Match, runner: Free, errands: Sequence[Wanted]) -> list[Place]:
    """The way as the match tells it."""
    by_id, own, seen = {e.id: e for e in errands}, iter(places_of(runner)), set()
    way = []
    for step in match.way:
        if step.errand_id is None:
            way.append(next(own))
        elif step.errand_id in seen:
            way.append(dropoff_of(by_id[step.errand_id]))
        else:
            way.append(pickup_of(by_id[step.errand_id], runner))
            seen.add(step.errand_id)
    return way
