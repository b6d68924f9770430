"""What goes into a matching run and what comes out, and the numbers that weigh it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple, TypeAlias
from uuid import UUID

import numpy as np
import numpy.typing as npt

from common.geo import DETOUR, WALKING_MPS, Point

Floats: TypeAlias = npt.NDArray[np.float64]
Ints: TypeAlias = npt.NDArray[np.int64]
Flags: TypeAlias = npt.NDArray[np.bool_]

# A minute that an errand has waited outweighs half a minute of walking, so that old errands
# are not passed over for ever; after half an hour it weighs no more.
WAITING_WEIGHT = 0.5
WAITING_CAP_MIN = 30.0
# A runner who had nothing for an hour comes up to 6 walking minutes before one just asked.
FAIRNESS_WEIGHT = 0.1
FAIRNESS_CAP_MIN = 60.0
# Whoever let this offer lapse is asked again only when nobody else is close.
IGNORED_MINUTES = 10.0
IGNORED_CAP = 5
# Far above every possible sum of the terms: leaving an errand alone is the last resort.
UNMATCHED_COST = 10_000.0

MOST_CARRIED = 3
METRES_PER_MINUTE = WALKING_MPS * 60 / DETOUR  # as the crow flies


@dataclass(frozen=True, slots=True)
class Wanted:
    """An open errand: where, how heavy, how long it has waited, and who must not get it.

    ``ignored`` counts the offers of this errand that a runner let lapse.
    """

    id: UUID
    requester_id: UUID
    kind: str
    pickup: Point
    dropoff: Point | None
    weight_kg: float
    bags: int
    waited_s: float
    reach_m: float
    excluded: frozenset[UUID] = frozenset()
    ignored: Mapping[UUID, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Free:
    """A runner who may be asked: where he is, what he still has to visit, what he can take.

    ``stops`` are in the order he will visit them; ``idle_s`` counts from his last offer.
    """

    id: UUID
    position: Point
    kinds: frozenset[str]
    kg_left: float
    bags_left: int
    carried: int = 0
    stops: tuple[Point, ...] = ()
    idle_s: float = 0.0


class Match(NamedTuple):
    """An errand for a runner; ``terms`` say why, in minutes and metres."""

    errand_id: UUID
    runner_id: UUID
    terms: dict[str, float]


class Solution(NamedTuple):
    """The matches, and for every other errand why nobody is asked."""

    matches: list[Match]
    unmatched: dict[UUID, str]

    @property
    def total(self) -> float:
        """The cost that was made as small as possible."""
        return sum(m.terms["total"] for m in self.matches) + UNMATCHED_COST * len(self.unmatched)


@dataclass(slots=True)
class Pairs:
    """Errand–runner pairs within reach; equally long columns, one row a pair."""

    errand: Ints
    runner: Ints
    metres: Floats

    def where(self, keep: Flags) -> Pairs:
        return Pairs(self.errand[keep], self.runner[keep], self.metres[keep])


class Costs(NamedTuple):
    """The terms of each pair in minutes, and their sum."""

    added: Floats
    waiting: Floats
    fairness: Floats
    ignored: Floats
    total: Floats
