"""An instance of the problem, read from its four tab-separated files."""

from __future__ import annotations

import csv
import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, TypeVar

T = TypeVar("T")


class BadInstance(Exception):
    """A directory that holds no instance; says which file and line, and what is wrong there."""


class Place(NamedTuple):
    """Metres."""

    x: float
    y: float


class Courier(NamedTuple):
    """On duty from ``on`` at ``start``; collects nothing after ``off``."""

    name: str
    start: Place
    on: float
    off: float


class Order(NamedTuple):
    """Known from ``placed`` on, and to be had at the restaurant from ``ready`` on."""

    name: str
    door: Place
    placed: float
    restaurant: str
    ready: float


class Terms(NamedTuple):
    """The line of instance_parameters.txt, in its order; minutes, and pay in one currency."""

    metres_per_minute: float
    pickup_service: float
    dropoff_service: float
    target_click_to_door: float
    most_click_to_door: float
    pay_per_order: float
    pay_per_hour: float


COLUMNS = (
    "meters_per_minute", "pickup service minutes", "dropoff service minutes",
    "target click-to-door", "maximum click-to-door", "pay per order", "guaranteed pay per hour",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Instance:
    """``orders`` stand in the order of their placement."""

    name: str
    terms: Terms
    couriers: Mapping[str, Courier]
    restaurants: Mapping[str, Place]
    orders: Mapping[str, Order]


@dataclass(frozen=True, slots=True)
class _Line:
    """One line of a file, which knows where it stands."""

    where: str
    cells: Mapping[str, str | None]

    def text(self, column: str) -> str:
        found = (self.cells.get(column) or "").strip()
        if not found:
            raise BadInstance(f"{self.where}: {column!r} is missing")
        return found

    def number(self, column: str) -> float:
        found = self.text(column)
        try:
            number = float(found)
        except ValueError:
            number = math.nan
        self.refuse_if(not math.isfinite(number), f"{column!r} is {found!r}, which is no number")
        return number

    def place(self) -> Place:
        return Place(self.number("x"), self.number("y"))

    def refuse_if(self, wrong: bool, why: str) -> None:
        if wrong:
            raise BadInstance(f"{self.where}: {why}")


def load(directory: Path) -> Instance:
    """Read one instance; raises ``BadInstance``."""
    restaurants = _table(directory / "restaurants.txt", _Line.place)
    couriers = _table(directory / "couriers.txt", _courier)
    orders = _table(directory / "orders.txt", lambda line: _order(line, restaurants))
    names = [*restaurants, *couriers, *orders]
    if len(names) != len(set(names)):
        raise BadInstance(f"{directory}: a courier, a restaurant and an order share a name")
    return Instance(
        name=directory.resolve().name,
        terms=_terms(directory / "instance_parameters.txt"),
        couriers=couriers,
        restaurants=restaurants,
        orders=dict(sorted(orders.items(), key=lambda item: item[1].placed)),
    )


def _terms(path: Path) -> Terms:
    line = next(_lines(path))
    terms = Terms(*map(line.number, COLUMNS))
    line.refuse_if(terms.metres_per_minute <= 0, "nobody moves")
    line.refuse_if(min(terms) < 0, "a number is negative")
    return terms


def _table(path: Path, make: Callable[[_Line], T]) -> dict[str, T]:
    """Read a file by the name in its first column: ``courier`` in couriers.txt."""
    found: dict[str, T] = {}
    for line in _lines(path):
        name = line.text(path.stem.removesuffix("s"))
        line.refuse_if(name in found, f"{name!r} comes a second time")
        found[name] = make(line)
    return found


def _lines(path: Path) -> Iterator[_Line]:
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise BadInstance(f"{path} cannot be read: {error}") from error
    rows = list(csv.DictReader(text.splitlines(), delimiter="\t"))
    if not rows:
        raise BadInstance(f"{path} has no line below its heading")
    return (_Line(f"{path}, line {number}", row) for number, row in enumerate(rows, 2))


def _courier(line: _Line) -> Courier:
    on, off = line.number("on_time"), line.number("off_time")
    line.refuse_if(off <= on, "off_time is not after on_time")
    return Courier(line.text("courier"), line.place(), on, off)


def _order(line: _Line, restaurants: Mapping[str, Place]) -> Order:
    placed, ready = line.number("placement_time"), line.number("ready_time")
    restaurant = line.text("restaurant")
    line.refuse_if(ready < placed, "ready_time is before placement_time")
    line.refuse_if(restaurant not in restaurants, f"no restaurant is named {restaurant!r}")
    return Order(line.text("order"), line.place(), placed, restaurant, ready)
