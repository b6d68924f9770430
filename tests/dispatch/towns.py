"""Random towns: errands, some of them from shops, and runners, some of them under way."""

from __future__ import annotations

import math
import random
import uuid
from collections.abc import Sequence

from common.geo import METRES_PER_DEGREE, Point
from dispatch.matching import Corridor, Free, Visit, Wanted

SOUTH_WEST = Point(37.50, 127.00)
RUNNERS_PER_KM2 = 120.0
SHOPS = 8
FROM_A_SHOP = 0.3
IN_A_CORRIDOR = 0.3  # of those under way


class Town:
    """A square of ``size_m``; the same seed is the same town."""

    def __init__(self, seed: int, size_m: float) -> None:
        self.dice = random.Random(seed)
        self.size_m = size_m
        self.shops = [self.place() for _ in range(SHOPS)]

    def place(self, near: Point | None = None, metres: tuple[float, float] = (0, 0)) -> Point:
        """Somewhere, or so far from ``near``."""
        stretch = math.cos(math.radians(SOUTH_WEST.lat))
        if near is None:
            north, east = (self.dice.uniform(0, self.size_m) for _ in range(2))
            near = SOUTH_WEST
        else:
            angle, far = self.dice.uniform(0, 2 * math.pi), self.dice.uniform(*metres)
            north, east = far * math.sin(angle), far * math.cos(angle)
        return Point(
            near.lat + north / METRES_PER_DEGREE, near.lng + east / METRES_PER_DEGREE / stretch
        )

    def number(self) -> uuid.UUID:
        return uuid.UUID(int=self.dice.getrandbits(128))

    def errand(self, *, reaches: Sequence[float], due_s: float) -> Wanted:
        shop = self.dice.randrange(SHOPS) if self.dice.random() < FROM_A_SHOP else None
        pickup = self.place() if shop is None else self.shops[shop]
        return Wanted(
            id=self.number(), requester_id=self.number(), kind="delivery", pickup=pickup,
            dropoff=self.place(pickup, (300, 1_500)), weight_kg=self.dice.uniform(0.5, 4),
            bags=self.dice.randint(0, 1), waited_s=self.dice.uniform(0, 600),
            reach_m=self.dice.choice(reaches), due_s=due_s, pickup_service_s=120, origin=shop,
        )  # fmt: skip

    def runner(self, *, under_way: float) -> Free:
        at = position = self.place()
        stops: list[Visit] = []
        carried = self.dice.randint(1, 2) if self.dice.random() < under_way else 0
        for _ in range(carried * 2):
            at = self.place(at, (200, 1_200))
            stops.append(Visit(at, due_s=self.dice.uniform(2_400, 9_000)))
        corridor = None
        if carried and self.dice.random() < IN_A_CORRIDOR:
            corridor = Corridor(self.place(at, (300, 2_000)), most_added_s=900)
        return Free(
            id=self.number(), position=position, kinds=frozenset({"delivery"}), kg_left=10,
            bags_left=2, carried=carried, stops=tuple(stops), idle_s=self.dice.uniform(0, 5_000),
            corridor=corridor,
        )  # fmt: skip


def town(
    errands: int, runners: int, *, seed: int = 7, under_way: float = 0.2,
    reaches: Sequence[float] = (600, 1_200, 2_000, 3_000), due_s: float = math.inf,
) -> tuple[list[Wanted], list[Free]]:  # fmt: skip
    """So many errands and runners, a share of whom is ``under_way``."""
    made = Town(seed, 1_000 * math.sqrt(runners / RUNNERS_PER_KM2))
    wanted = [made.errand(reaches=reaches, due_s=due_s) for _ in range(errands)]
    return wanted, [made.runner(under_way=under_way) for _ in range(runners)]
