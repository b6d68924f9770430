"""What goes into a matching run and what comes out, and the numbers that weigh it."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple, TypeAlias
from uuid import UUID

import numpy as np
import numpy.typing as npt

from common.geo import Point

Floats: TypeAlias = npt.NDArray[np.float64]
Ints: TypeAlias = npt.NDArray[np.int64]
Flags: TypeAlias = npt.NDArray[np.bool_]

# Far above every possible sum of the terms: leaving an errand alone is the last resort.
UNMATCHED_COST = 10_000.0
MOST_CARRIED = 3
NEVER = float("inf")


@dataclass(frozen=True, slots=True)
class Rules:
    """What a policy may set; the defaults are the product's."""

    # A minute that an errand has waited outweighs half a minute of walking, so that old errands
    # are not passed over for ever; after half an hour it weighs no more.
    waiting_weight: float = 0.5
    waiting_cap_min: float = 30.0
    # A runner who had nothing for an hour comes up to 6 walking minutes before one just asked.
    fairness_weight: float = 0.1
    fairness_cap_min: float = 60.0
    # Whoever let this offer lapse is asked again only when nobody else is close.
    ignored_minutes: float = 10.0
    ignored_cap: int = 5
    arrival_weight: float = 0.0  # a minute until each drop-off, in minutes of walking
    most_carried: int = MOST_CARRIED
    most_bundled: int = 3  # new errands for one runner in one match; 1 makes no bundles
    one_shop: bool = False  # what goes together comes from one origin
    most_late_s: float = 15 * 60.0  # a bundle may make an errand so much later than alone


class Visit(NamedTuple):
    """A place that a runner still has to visit; in seconds from now."""

    point: Point
    due_s: float = NEVER  # promised: to be reached not later
    ready_s: float = 0.0  # nothing to be had there earlier: he waits
    service_s: float = 0.0  # spent there


@dataclass(frozen=True, slots=True)
class Corridor:
    """Where a runner is heading anyway, and how much later errands may make him there."""

    destination: Point
    most_added_s: float  # of walking, by all errands together
    until_s: float = NEVER  # to be there by then


@dataclass(frozen=True, slots=True)
class Wanted:
    """An open errand: where, how heavy, how long it has waited, and who must not get it.

    ``ignored`` counts the offers of this errand that a runner let lapse. Errands of one
    ``origin`` (a shop) may be collected in one stop. Times are in seconds from now.
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
    ready_s: float = 0.0  # to be had at the pickup from then on
    due_s: float = NEVER  # promised at the drop-off by then
    pickup_service_s: float = 0.0
    dropoff_service_s: float = 0.0
    origin: Hashable | None = None


@dataclass(frozen=True, slots=True)
class Free:
    """A runner who may be asked: where he is, what he still has to visit, what he can take.

    ``stops`` are in the order he will visit them; ``idle_s`` counts from his last offer. He may
    start from ``position`` in ``from_s`` seconds, and begins no pickup after ``until_s``.
    """

    id: UUID
    position: Point
    kinds: frozenset[str]
    kg_left: float
    bags_left: int
    carried: int = 0
    stops: tuple[Visit, ...] = ()
    idle_s: float = 0.0
    corridor: Corridor | None = None
    from_s: float = 0.0
    until_s: float = NEVER


class Step(NamedTuple):
    """A place on a runner's way: first an errand's pickup, the second time its drop-off, or
    without an errand the next of the stops he already had, or where he is heading."""

    errand_id: UUID | None
    point: Point


class Match(NamedTuple):
    """Errands for a runner, in the order of their pickups; more than one is a bundle.

    ``terms`` say why, errand by errand, in minutes and metres: the added minutes of each are
    those of its cheapest place on the way with the ones before it.
    """

    runner_id: UUID
    errand_ids: tuple[UUID, ...]
    terms: tuple[dict[str, float], ...]
    way: tuple[Step, ...] = ()  # all he then has to visit, in order

    @property
    def total(self) -> float:
        return sum(term["total"] for term in self.terms)


class NonOffer(NamedTuple):
    """Why nobody is asked, and how many runners were left after each rule."""

    reason: str  # no_runner_in_reach, all_excluded, no_capacity, late, off_corridor or outbid
    near: int = 0
    allowed: int = 0
    able: int = 0
    timely: int = 0


class Solution(NamedTuple):
    """The matches, and for every other errand why nobody is asked."""

    matches: list[Match]
    unmatched: dict[UUID, NonOffer]

    @property
    def total(self) -> float:
        """The cost that was made as small as possible."""
        return sum(match.total for match in self.matches) + UNMATCHED_COST * len(self.unmatched)
