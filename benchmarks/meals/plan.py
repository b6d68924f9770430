"""What a player hands in: who went where, collected what and was at which door, in minutes."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple


class Move(NamedTuple):
    """A way between two named places: an order's door, a restaurant, where a courier began."""

    courier: str
    departs: float
    origin: str
    destination: str
    arrives: float


class Collection(NamedTuple):
    """Orders of one restaurant picked up together, in the order of their delivery."""

    courier: str
    assigned: float
    at: float
    orders: tuple[str, ...]


@dataclass(slots=True)
class Plan:
    moves: list[Move] = field(default_factory=list)
    collections: list[Collection] = field(default_factory=list)
    dropoffs: dict[str, float] = field(default_factory=dict)
