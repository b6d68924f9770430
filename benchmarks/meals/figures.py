"""What a plan achieved, and what others have published."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from statistics import fmean
from typing import NamedTuple

from benchmarks.meals.instance import Instance, Order
from benchmarks.meals.plan import Plan


class Figures(NamedTuple):
    """Minutes are means over the delivered orders; ``floor`` is over all of them."""

    name: str
    orders: int
    delivered: int
    click_to_door: float
    ready_to_pickup: float
    pay: float
    floor: float

    @property
    def undelivered(self) -> float:
        return 1 - self.delivered / self.orders

    @property
    def cost_per_order(self) -> float:
        return self.pay / max(1, self.delivered)


def figures(instance: Instance, plan: Plan) -> Figures:
    """Count what ``plan`` delivered in time: a later order is as good as not delivered."""
    late = instance.terms.most_click_to_door
    orders = instance.orders
    done = {o: at for o, at in plan.dropoffs.items() if at - orders[o].placed <= late}
    taken = {order: each.at for each in plan.collections for order in each.orders}
    return Figures(
        name=instance.name,
        orders=len(orders),
        delivered=len(done),
        click_to_door=_mean([at - orders[o].placed for o, at in done.items()]),
        ready_to_pickup=_mean([taken[o] - orders[o].ready for o in done]),
        pay=_pay(instance, plan),
        floor=fmean(_floor(instance, order) for order in orders.values()),
    )


def _mean(values: Sequence[float]) -> float:
    return fmean(values) if values else math.nan


def _floor(instance: Instance, order: Order) -> float:
    """Click-to-door when a courier is always there in time and carries nothing else."""
    shop, terms = instance.restaurants[order.restaurant], instance.terms
    metres = math.hypot(shop.x - order.door.x, shop.y - order.door.y)
    service = (terms.pickup_service + terms.dropoff_service) / 2
    return order.ready - order.placed + math.ceil(metres / terms.metres_per_minute) + service


def _pay(instance: Instance, plan: Plan) -> float:
    """Each courier's orders, or what is guaranteed for his hours when that is more."""
    terms = instance.terms
    carried = Counter[str]()
    for each in plan.collections:
        carried[each.courier] += sum(order in plan.dropoffs for order in each.orders)
    return sum(
        max(carried[c.name] * terms.pay_per_order, (c.off - c.on) / 60 * terms.pay_per_hour)
        for c in instance.couriers.values()
    )


def together(every: Sequence[Figures]) -> Figures:
    """All instances as one: minutes are means over instances, as published; counts are sums."""
    return Figures(
        name=f"{len(every)} instances",
        orders=sum(each.orders for each in every),
        delivered=sum(each.delivered for each in every),
        click_to_door=fmean(each.click_to_door for each in every),
        ready_to_pickup=fmean(each.ready_to_pickup for each in every),
        pay=sum(each.pay for each in every),
        floor=fmean(each.floor for each in every),
    )
