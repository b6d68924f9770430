"""How long ways take: between two places, and from a restaurant past some doors."""

from __future__ import annotations

import math
from collections.abc import Iterable
from itertools import permutations
from typing import NamedTuple

import numpy as np

from benchmarks.meals.instance import Instance, Order, Place
from dispatch.matching.shapes import Floats


class Tour(NamedTuple):
    """Orders in the order of their delivery, and the minutes from their collection to each door."""

    orders: tuple[Order, ...]
    doors: tuple[float, ...]


class Streets:
    """Whole minutes at one speed. As a ``Walk`` of the matching, half of the service minutes lie
    before each arrival: a courier parks and walks in, unless he is there already."""

    def __init__(self, instance: Instance) -> None:
        self.terms, self.restaurants = instance.terms, instance.restaurants
        self.parking = (self.terms.pickup_service + self.terms.dropoff_service) / 4

    def flat(self, points: Floats) -> Floats:
        return points

    def seconds(self, start: Floats, end: Floats) -> Floats:
        metres = np.hypot(end[..., 0] - start[..., 0], end[..., 1] - start[..., 1])
        parking = np.where(metres > 0, self.parking, 0)
        walked: Floats = (np.ceil(metres / self.terms.metres_per_minute) + parking) * 60
        return walked

    def minutes(self, start: Place, end: Place) -> int:
        metres = math.hypot(end.x - start.x, end.y - start.y)
        return math.ceil(metres / self.terms.metres_per_minute)

    def tour(self, orders: Iterable[Order]) -> Tour:
        """Put doors in the order in which all together wait the fewest minutes."""
        return min(map(self._doors, permutations(orders)), key=lambda tour: sum(tour.doors))

    def _doors(self, orders: tuple[Order, ...]) -> Tour:
        half, doors = self.terms.dropoff_service / 2, list[float]()
        place = self.restaurants[orders[0].restaurant]
        passed = self.terms.pickup_service / 2
        for order in orders:
            passed += self.minutes(place, order.door) + half
            doors.append(passed)
            passed, place = passed + half, order.door
        return Tour(orders, tuple(doors))
