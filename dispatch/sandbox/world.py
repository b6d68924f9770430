"""The streets the robots live in: real stations, made-up places near them, all from one seed."""

from __future__ import annotations

import csv
import math
import random
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from common.geo import DETOUR, METRES_PER_DEGREE, WALKING_MPS, Point, metres_between
from dispatch.sandbox.texts import WISHES, Wish
from errands.states import TWO_PLACES, Kind

STATIONS = Path(__file__).with_name("seoul_stations.csv")
NEIGHBOURS_M = 1_500.0
FEWEST, MOST = 3, 6
NEAR_STATION_M = 700.0 / DETOUR  # 700 m of walking
DROPOFF_M = (200.0, 1_200.0)
KINDS = {Kind.DELIVERY: 60, Kind.PURCHASE: 20, Kind.QUEUE: 10, Kind.HELP: 10}
SPARE = 1.2  # of the price: nobody knows it to the won
PROOFS = {"photo": 60, "pin": 25, "door": 15}


class Station(NamedTuple):
    name: str
    line: str
    point: Point

    @property
    def title(self) -> str:
        """The name as people say it, without its by-name in brackets."""
        return f"{self.name.partition('(')[0]}역"


class Place(NamedTuple):
    point: Point
    address: str


@dataclass(frozen=True, slots=True)
class Order:
    """What one robot requester will ask for; the ``number`` also names its idempotency keys."""

    number: int
    kind: Kind
    wish: Wish
    pickup: Place
    dropoff: Place | None
    proof: str
    ask_pickup_pin: bool
    generosity: float

    def quote_body(self) -> dict[str, Any]:
        return {
            "kind": self.kind.value,
            "pickup": self.pickup.point._asdict(),
            "pickup_address": self.pickup.address,
            "dropoff": self.dropoff.point._asdict() if self.dropoff else None,
            "dropoff_address": self.dropoff.address if self.dropoff else "",
            "weight_kg": self.wish.weight_kg,
            "bags": self.wish.bags,
            "floors": 0,
            "expected_minutes": self.wish.minutes,
            "budget": math.ceil(self.wish.price * SPARE / 1_000) * 1_000,
            "starts_at": None,
            "deadline_at": None,
        }

    def errand_body(self, quote: dict[str, Any]) -> dict[str, Any]:
        return {
            "quote_id": quote["id"],
            "reward": math.ceil(quote["reward_floor"] * self.generosity / 100) * 100,
            "title": self.wish.title,
            "note": self.wish.note,
            "proof": self.proof,
            "ask_pickup_pin": self.ask_pickup_pin,
        }


@cache
def stations() -> tuple[Station, ...]:
    with STATIONS.open(encoding="utf-8", newline="") as rows:
        return tuple(
            Station(row["name"], row["line"], Point(float(row["lat"]), float(row["lng"])))
            for row in csv.DictReader(rows)
        )


class Town:
    """A few neighbouring stations and everything that can happen around them."""

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self.stations = neighbours(random.Random(f"{seed}:town"))

    def somewhere(self, rng: random.Random) -> Place:
        """Pick a place within 700 m of walking of one of the stations."""
        station = rng.choice(self.stations)
        metres = NEAR_STATION_M * math.sqrt(rng.uniform(0.02, 1))
        walk = max(1, round(metres * DETOUR / WALKING_MPS / 60))
        point = shifted(station.point, metres, rng.uniform(0, math.tau))
        return Place(point, f"{station.title}({station.line})에서 걸어서 {walk}분")

    def beyond(self, start: Point, rng: random.Random) -> Place:
        """Pick a place 200 to 1,200 m from ``start``, near a station when one try in 30 is."""
        for _ in range(30):
            place = self.somewhere(rng)
            if DROPOFF_M[0] <= metres_between(start, place.point) <= DROPOFF_M[1]:
                return place
        point = shifted(start, rng.uniform(*DROPOFF_M), rng.uniform(0, math.tau))
        return Place(point, f"{self.stations[0].title} 근처")

    def orders(self, *, first: int = 1) -> Iterator[Order]:
        """Yield orders without end; the n-th is the same for every run of one seed."""
        number = first
        while True:
            yield self._order(number, random.Random(f"{self.seed}:order:{number}"))
            number += 1

    def _order(self, number: int, rng: random.Random) -> Order:
        kind = rng.choices(list(KINDS), list(KINDS.values()))[0]
        pickup = self.somewhere(rng)
        return Order(
            number=number,
            kind=kind,
            wish=rng.choice(WISHES[kind]),
            pickup=pickup,
            dropoff=self.beyond(pickup.point, rng) if kind in TWO_PLACES else None,
            proof=rng.choices(list(PROOFS), list(PROOFS.values()))[0],
            ask_pickup_pin=kind is Kind.DELIVERY and rng.random() < 0.2,
            generosity=rng.choice((1.0, 1.0, 1.1, 1.3)),
        )


def neighbours(rng: random.Random) -> tuple[Station, ...]:
    """Choose 3 to 6 stations, all within 1.5 km of each other."""
    for first in rng.sample(stations(), len(stations())):
        chosen = [first]
        for other in sorted(stations(), key=lambda s: metres_between(s.point, first.point)):
            if all(0 < metres_between(other.point, s.point) <= NEIGHBOURS_M for s in chosen):
                chosen.append(other)
        if len(chosen) >= FEWEST:
            return tuple(chosen[:MOST])
    raise ValueError("no stations are neighbours in this file")


def shifted(start: Point, metres: float, bearing: float) -> Point:
    """Return the point ``metres`` from ``start`` towards ``bearing`` (radians, 0 is north)."""
    north = metres * math.cos(bearing) / METRES_PER_DEGREE
    east = metres * math.sin(bearing) / METRES_PER_DEGREE / math.cos(math.radians(start.lat))
    return Point(round(start.lat + north, 6), round(start.lng + east, 6))


def street_route(start: Point, end: Point, rng: random.Random) -> list[Point]:
    """Return the corners of a walk along a street grid: one turn, then the end."""
    corners = (Point(start.lat, end.lng), Point(end.lat, start.lng))
    return [rng.choice(corners), end]


def towards(start: Point, end: Point, metres: float) -> Point:
    """Return where one stands after ``metres`` on the straight way, ``end`` at the most."""
    whole = metres_between(start, end)
    if whole <= metres:
        return end
    share = metres / whole
    return Point(
        start.lat + (end.lat - start.lat) * share, start.lng + (end.lng - start.lng) * share
    )
