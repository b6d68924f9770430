"""Plays an instance minute by minute; who takes what is decided by ``dispatch.matching`` alone.

Couriers are runners and orders are errands. A run is shown every order placed so far and every
courier, also those who are still busy or not yet on duty. What it says is carried out as late
as possible: a courier sets off when he would otherwise come late, and collects when the food
is ready. Until then the next run may change its mind; a courier under way is not diverted.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from uuid import UUID

from benchmarks.meals.instance import Courier, Instance, Order, Place
from benchmarks.meals.plan import Collection, Move, Plan
from benchmarks.meals.streets import Streets
from common.geo import Point
from dispatch.matching import Free, Rules, Wanted, solve

FAR_M = 1e9
KIND = "meal"
NOBODY = UUID(int=1 << 127)  # no courier asks for a meal
# Whoever comes on duty or is free later than that is no help to what is open now.
HORIZON_MIN = 60.0
# How many orders go together depends on how many will be ready for each courier by then, as in
# Reyes and others (2018).
LOAD_MIN = 10.0
# A minute at the door outweighs thirty of walking. A courier below his guaranteed pay costs
# nothing more, and that is worth two minutes at the door.
RULES = Rules(
    arrival_weight=30.0,
    one_shop=True,
    waiting_weight=0.0,
    fairness_weight=1.0,
    fairness_cap_min=60.0,
)


@dataclass(frozen=True, slots=True)
class Policy:
    """How often to match, in minutes, and whether a match waits until it has to be acted on."""

    every: float = 1.0
    late: bool = True
    rules: Rules = RULES


@dataclass(slots=True)
class Driver:
    """A courier now: at a named place, free to leave or to collect there from ``free`` on."""

    id: UUID
    courier: Courier
    at: str
    place: Place
    free: float
    bound: bool = False  # under way to ``at``
    collected: int = 0


class Player:
    def __init__(self, instance: Instance, policy: Policy) -> None:
        self.instance, self.policy = instance, policy
        self.terms, self.streets = instance.terms, Streets(instance)
        self.plan = Plan()
        self.open: dict[UUID, Order] = {}
        self.drivers = {
            UUID(int=number): Driver(UUID(int=number), c, c.name, c.start, c.on)
            for number, c in enumerate(instance.couriers.values())
        }

    def play(self) -> Plan:
        coming = [(UUID(int=n), o) for n, o in enumerate(self.instance.orders.values())]
        now = float(math.floor(coming[0][1].placed))
        while coming or self.open:
            while coming and coming[0][1].placed <= now:
                number, order = coming.pop(0)
                self.open[number] = order
            self._give_up_on_late(now)
            self._run(now)
            now += self.policy.every
        return self.plan

    def _give_up_on_late(self, now: float) -> None:
        for number, order in list(self.open.items()):
            first = self.streets.tour([order]).doors[0]
            if now + first > order.placed + self.terms.most_click_to_door:
                del self.open[number]

    def _run(self, now: float) -> None:
        drivers = [d for d in self.drivers.values() if self._counts(d, now)]
        for driver in drivers:
            driver.bound = driver.bound and driver.free > now
        errands = [self._errand(number, order, now) for number, order in self.open.items()]
        runners = [self._runner(driver, now) for driver in drivers]
        rules = replace(self.policy.rules, most_bundled=self._together(drivers, now))
        found = solve(errands, runners, walk=self.streets, rules=rules)
        for match in found.matches:
            self._consider(self.drivers[match.runner_id], match.errand_ids, now)

    def _together(self, drivers: Iterable[Driver], now: float) -> int:
        """Return how many orders may go together: no more than there are for each courier."""
        orders = sum(order.ready <= now + LOAD_MIN for order in self.open.values())
        couriers = sum(driver.free <= now + LOAD_MIN for driver in drivers)
        return min(self.policy.rules.most_bundled, max(1, math.ceil(orders / max(1, couriers))))

    @staticmethod
    def _counts(driver: Driver, now: float) -> bool:
        return driver.courier.off >= now and driver.free <= now + HORIZON_MIN

    def _errand(self, number: UUID, order: Order, now: float) -> Wanted:
        terms, shop = self.terms, order.restaurant
        elsewhere = (d.id for d in self.drivers.values() if d.bound and d.at != shop)
        return Wanted(
            id=number, requester_id=NOBODY, kind=KIND,
            pickup=Point(*self.instance.restaurants[shop]), dropoff=Point(*order.door),
            weight_kg=0.0, bags=0, reach_m=FAR_M,
            waited_s=(now - order.placed) * 60,
            excluded=frozenset(elsewhere),
            ready_s=max(0.0, order.ready - now) * 60,
            due_s=(order.placed + terms.most_click_to_door - now) * 60,
            pickup_service_s=terms.pickup_service * 30,
            dropoff_service_s=terms.dropoff_service * 30,
            origin=shop,
        )  # fmt: skip

    def _runner(self, driver: Driver, now: float) -> Free:
        return Free(
            id=driver.id, position=Point(*driver.place), kinds=frozenset({KIND}),
            kg_left=1.0, bags_left=1,
            idle_s=self._unearned(driver) * 3600,
            from_s=max(0.0, driver.free - now) * 60,
            until_s=(driver.courier.off - now) * 60,
        )  # fmt: skip

    def _unearned(self, driver: Driver) -> float:
        """Return how much of one more order the guaranteed pay of his shift covers anyway."""
        hours = (driver.courier.off - driver.courier.on) / 60
        left = hours * self.terms.pay_per_hour - driver.collected * self.terms.pay_per_order
        return min(1.0, max(0.0, left / max(1.0, self.terms.pay_per_order)))

    def _consider(self, driver: Driver, numbers: Sequence[UUID], now: float) -> None:
        """Act on a match when it is time to; forget it otherwise."""
        shop = self.open[numbers[0]].restaurant
        chosen = {n: self.open[n] for n in numbers if self.open[n].restaurant == shop}
        start = max(now, driver.free)
        ready = max(order.ready for order in chosen.values())
        before = now + self.policy.every
        if driver.at == shop:
            if max(start, ready) < before:
                self._collect(driver, chosen, assigned=now, at=max(start, ready))
            return
        way = self.streets.minutes(driver.place, self.instance.restaurants[shop])
        parked = way + self.terms.pickup_service / 2
        if start < before and (ready - parked < before or not self.policy.late):
            self._set_off(driver, shop, start)

    def _set_off(self, driver: Driver, shop: str, departs: float) -> None:
        self._move(driver, shop, self.instance.restaurants[shop], departs)
        driver.free += self.terms.pickup_service / 2
        driver.bound = True

    def _collect(
        self, driver: Driver, chosen: dict[UUID, Order], *, assigned: float, at: float
    ) -> None:
        tour = self.streets.tour(chosen.values())
        names = tuple(order.name for order in tour.orders)
        self.plan.collections.append(Collection(driver.courier.name, assigned, at, names))
        driver.free, driver.bound = at + self.terms.pickup_service / 2, False
        for order, door in zip(tour.orders, tour.doors, strict=True):
            self._move(driver, order.name, order.door, driver.free)
            self.plan.dropoffs[order.name] = at + door
            driver.free += self.terms.dropoff_service
        driver.collected += len(names)
        for number in chosen:
            del self.open[number]

    def _move(self, driver: Driver, name: str, place: Place, departs: float) -> None:
        arrives = departs + self.streets.minutes(driver.place, place)
        self.plan.moves.append(Move(driver.courier.name, departs, driver.at, name, arrives))
        driver.at, driver.place, driver.free = name, place, arrives
