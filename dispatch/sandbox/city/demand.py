"""What is asked in a day: when, where, and for how much."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from uuid import UUID

import numpy as np

from common.geo import METRES_PER_DEGREE, Point, walking_minutes
from dispatch.matching.shapes import Floats
from dispatch.sandbox.texts import WISHES
from dispatch.sandbox.world import DROPOFF_M, KINDS, NEAR_STATION_M, stations
from errands.pricing import Asked, price
from errands.states import TWO_PLACES, Kind

FIRST_HOUR = 6
MIDNIGHT = datetime(2026, 4, 7, 15, tzinfo=UTC)  # of a Wednesday in Seoul
# Errands an hour from midnight on, as shares of the busiest: lunch, and an evening that is longer.
BUSY = (
    0.18, 0.10, 0.06, 0.04, 0.04, 0.07, 0.15, 0.30, 0.48, 0.50, 0.55, 0.80,
    1.00, 0.80, 0.58, 0.55, 0.60, 0.75, 0.98, 0.95, 0.78, 0.60, 0.45, 0.30,
)  # fmt: skip
BUSY_TOWN_M = 2_000.0  # the more stations so near, the more is asked around one
PATIENCE_S = (15 * 60.0, 45 * 60.0)  # then nobody came, and the requester gives up


@dataclass(slots=True, eq=False)
class Errand:
    """What is asked; seconds from the beginning of the day. None until it has happened."""

    id: UUID
    posted: float
    kind: Kind
    pickup: Point
    dropoff: Point | None
    on_site_s: float
    weight_kg: float
    bags: int
    reward: int
    given_up: float
    accepted: float | None = None
    collected: float | None = None
    delivered: float | None = None
    declined_by: set[UUID] = field(default_factory=set)


def city_weights() -> tuple[Floats, Floats]:
    """Return the places of all stations (n, 2), and the share of all demand around each."""
    places = np.array([station.point for station in stations()])
    flat = places * METRES_PER_DEGREE * [1, np.cos(np.radians(places[:, 0].mean()))]
    apart = np.linalg.norm(flat[:, None] - flat[None, :], axis=2)
    near: Floats = (apart < BUSY_TOWN_M).sum(axis=1).astype(np.float64)
    return places, near / near.sum()


def busy_seconds(rng: np.random.Generator, count: int, hours: float) -> Floats:
    """Draw so many moments of the first ``hours`` of a day, in order."""
    fine = np.arange(0, hours * 3600, 60.0)
    at = (FIRST_HOUR + fine / 3600) % 24
    level = np.interp(at, np.arange(25), [*BUSY, BUSY[0]])
    chosen = rng.choice(fine, size=count, p=level / level.sum())
    moments: Floats = np.sort(chosen + rng.uniform(0, 60, count))
    return moments


def around_stations(rng: np.random.Generator, count: int) -> Floats:
    """Draw places within 700 m of walking of a station, busy ones more often."""
    places, weights = city_weights()
    centres = places[rng.choice(len(places), size=count, p=weights)]
    return moved(centres, NEAR_STATION_M * np.sqrt(rng.uniform(0, 1, count)), rng)


def moved(places: Floats, metres: Floats, rng: np.random.Generator) -> Floats:
    """Return places so far away, each in a direction of its own."""
    bearing = rng.uniform(0, 2 * np.pi, len(places))
    north = metres * np.cos(bearing) / METRES_PER_DEGREE
    east = metres * np.sin(bearing) / METRES_PER_DEGREE / np.cos(np.radians(places[:, 0]))
    found: Floats = places + np.column_stack([north, east])
    return found


def errands_of_a_day(seed: int, *, count: int, hours: float) -> list[Errand]:
    """Draw a day's errands in the order of their posting; one seed, one day."""
    rng = np.random.default_rng([seed, 1])
    posted = busy_seconds(rng, count, hours)
    pickups = around_stations(rng, count)
    dropoffs = moved(pickups, rng.uniform(*DROPOFF_M, count), rng)
    kinds = rng.choice(len(KINDS), size=count, p=np.array(list(KINDS.values())) / 100)
    wishes = rng.integers(0, 1_000, count)
    given_up = posted + rng.uniform(*PATIENCE_S, count)
    names = list(KINDS)
    return [
        _errand(
            UUID(int=number), names[kinds[number]], int(wishes[number]),
            Point(*pickups[number].tolist()), Point(*dropoffs[number].tolist()),
            float(posted[number]), float(given_up[number]),
        )
        for number in range(count)
    ]  # fmt: skip


def _errand(
    name: UUID, kind: Kind, wish_number: int, pickup: Point, dropoff: Point, posted: float,
    given_up: float,
) -> Errand:  # fmt: skip
    wish = WISHES[kind][wish_number % len(WISHES[kind])]
    two = kind in TWO_PLACES
    walk = walking_minutes(pickup, dropoff) if two else 0.0
    at = MIDNIGHT + timedelta(hours=FIRST_HOUR, seconds=posted)
    asked = Asked(kind, walk, wish.minutes, wish.weight_kg, wish.bags, 0, at, bad_weather=False)
    return Errand(
        id=name, posted=posted, kind=kind, pickup=pickup, dropoff=dropoff if two else None,
        on_site_s=wish.minutes * 60.0, weight_kg=float(wish.weight_kg), bags=wish.bags,
        reward=price(asked).reward_floor, given_up=given_up,
    )  # fmt: skip
