"""Refuses a plan that breaks a rule; shares nothing with the player but the shapes of both."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator
from itertools import pairwise
from typing import NamedTuple

from benchmarks.meals.instance import Courier, Instance, Place
from benchmarks.meals.plan import Collection, Move, Plan


class Stay(NamedTuple):
    """A courier at a named place, from his arrival to his next departure."""

    place: str
    since: float
    until: float


def broken_rules(instance: Instance, plan: Plan) -> list[str]:
    """Say everything that is wrong with ``plan``; nothing when it may count."""
    strangers = list(_strangers(instance, plan))
    if strangers:  # nothing else can be looked up
        return strangers
    courses = (_Course(instance, plan, courier) for courier in instance.couriers.values())
    broken = (rule for course in courses for rule in course.broken())
    return [*_twice(plan), *_too_early(instance, plan), *broken]


def _strangers(instance: Instance, plan: Plan) -> Iterator[str]:
    """Names that the instance does not have."""
    couriers = {m.courier for m in plan.moves} | {each.courier for each in plan.collections}
    orders = {*plan.dropoffs, *(o for each in plan.collections for o in each.orders)}
    places = {place for move in plan.moves for place in (move.origin, move.destination)}
    known = {*instance.restaurants, *instance.orders, *instance.couriers}
    for names, among in (
        (couriers, instance.couriers), (orders, instance.orders), (places, known)
    ):  # fmt: skip
        yield from (f"nothing is named {name!r}" for name in sorted(names.difference(among)))


def _twice(plan: Plan) -> Iterator[str]:
    times = Counter(order for each in plan.collections for order in each.orders)
    yield from (f"{order} is collected {n} times" for order, n in times.items() if n > 1)
    yield from (f"{o} is delivered and was not collected" for o in plan.dropoffs if o not in times)
    yield from (f"{o} is collected and not delivered" for o in times if o not in plan.dropoffs)


def _too_early(instance: Instance, plan: Plan) -> Iterator[str]:
    for each in plan.collections:
        for order in (instance.orders[name] for name in each.orders):
            if each.assigned < order.placed:
                yield f"{order.name} is assigned at {each.assigned}, before it was placed"
            if each.at < order.ready:
                yield f"{order.name} is collected at {each.at}, before it was ready"
        if each.at < each.assigned:
            yield f"{each.orders} are collected at {each.at}, before they were assigned"


class _Course:
    """One courier's day: where he was from when to when, and what he collected."""

    def __init__(self, instance: Instance, plan: Plan, courier: Courier) -> None:
        self.instance, self.courier, self.dropoffs = instance, courier, plan.dropoffs
        self.moves = [move for move in plan.moves if move.courier == courier.name]
        work = (each for each in plan.collections if each.courier == courier.name)
        self.work = sorted(work, key=lambda each: each.at)
        arrivals = [(courier.name, courier.on), *((m.destination, m.arrives) for m in self.moves)]
        departures = [*(move.departs for move in self.moves), math.inf]
        self.stays = [
            Stay(*there, until) for there, until in zip(arrivals, departures, strict=True)
        ]

    def broken(self) -> Iterator[str]:
        yield from self._ways()
        for each in self.work:
            yield from self._collection(each)
            yield from self._doors(each)
        for before, after in pairwise(self.work):
            if after.at < max(map(self._dropoff, before.orders), default=-math.inf):
                yield f"{after.orders} are collected with {before.orders} still in hand"

    def _dropoff(self, order: str) -> float:
        return self.dropoffs.get(order, math.inf)

    def _ways(self) -> Iterator[str]:
        """From place to place, one way after the other, never faster than the instance says."""
        name, on = self.courier.name, self.courier.on
        for before, move in pairwise([Move(name, on, name, name, on), *self.moves]):
            if move.origin != before.destination:
                yield f"{name} leaves {move.origin} but was at {before.destination}"
            if move.departs < before.arrives:
                yield f"{name} leaves {move.origin} at {move.departs}, before he is there"
            if move.arrives < move.departs + self._minutes(move):
                yield f"{name} is at {move.destination} at {move.arrives}, too fast"

    def _minutes(self, move: Move) -> int:
        a, b = self._place(move.origin), self._place(move.destination)
        metres = math.hypot(a.x - b.x, a.y - b.y)
        return math.ceil(metres / self.instance.terms.metres_per_minute)

    def _place(self, name: str) -> Place:
        if name in self.instance.orders:
            return self.instance.orders[name].door
        if name in self.instance.restaurants:
            return self.instance.restaurants[name]
        return self.instance.couriers[name].start

    def _collection(self, each: Collection) -> Iterator[str]:
        """One restaurant, within the shift, and there for the service minutes."""
        shops = sorted({self.instance.orders[order].restaurant for order in each.orders})
        if len(shops) != 1:
            yield f"{each.orders} are collected at {len(shops)} restaurants"
        if each.at > self.courier.off:
            yield f"{each.orders} are collected at {each.at}, after the shift of {each.courier}"
        half = self.instance.terms.pickup_service / 2
        if not all(self._is_there(shop, each.at, half) for shop in shops):
            yield f"{each.courier} is not where {each.orders} are for long enough at {each.at}"

    def _doors(self, each: Collection) -> Iterator[str]:
        """One door after the other, and there for the service minutes."""
        times = [each.at, *map(self._dropoff, each.orders)]
        if times != sorted(times):
            yield f"{each.orders} are not delivered in their order, after their collection"
        half = self.instance.terms.dropoff_service / 2
        for order, at in zip(each.orders, times[1:], strict=True):
            if not self._is_there(order, at, half):
                yield f"{each.courier} is not at the door of {order} for long enough at {at}"

    def _is_there(self, place: str, at: float, half: float) -> bool:
        """Half of the service minutes lie before the moment itself, half after it."""
        return any(
            stay.place == place and stay.since + half <= at <= stay.until - half
            for stay in self.stays
        )
