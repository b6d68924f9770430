"""What a day under a policy came to."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from dispatch.matching.shapes import Floats
from dispatch.sandbox.city.day import Day, Sample


class Outcome(NamedTuple):
    """Waits in minutes, in the order of posting, of the errands that somebody accepted.

    ``hourly`` is what each runner earned for an hour on duty, in won, in no order.
    """

    policy: str
    posted: int
    completed: int
    given_up: int
    asked: int
    refused: int
    to_acceptance: Floats
    to_pickup: Floats
    added_walk: float
    hourly: Floats
    earned_hourly: float
    by_passers: int
    samples: Sequence[Sample]

    @property
    def gini(self) -> float:
        return gini(self.hourly)

    def as_data(self) -> dict[str, Any]:
        return {
            "policy": self.policy,
            "posted": self.posted,
            "completed": self.completed,
            "given_up": self.given_up,
            "completed_share": round(self.completed / max(1, self.posted), 4),
            "offers": self.asked,
            "refused": self.refused,
            "minutes_to_acceptance": _spread(self.to_acceptance),
            "minutes_to_pickup": _spread(self.to_pickup),
            "added_walk_minutes": round(self.added_walk, 2),
            "earned_an_hour": round(self.earned_hourly),
            "earned_an_hour_gini": round(self.gini, 3),
            "completed_by_passers": self.by_passers,
        }


def _spread(minutes: Floats) -> dict[str, float]:
    if not len(minutes):
        return {}
    p50, p90 = np.percentile(minutes, [50, 90])
    return {"mean": round(float(minutes.mean()), 2), "p50": round(p50, 2), "p90": round(p90, 2)}


def gini(values: Floats) -> float:
    """Return how unequal ``values`` are: 0 for all alike, near 1 when one has everything.

    G = Σ (2i − n − 1) xᵢ / (n Σ xᵢ) with x ascending and i from 1 (Dixon, Weiner, Mitchell-Olds
    and Woodley: Bootstrapping the Gini Coefficient of Inequality, Ecology 68(5), 1987).
    """
    ascending = np.sort(values)
    count, total = len(ascending), float(ascending.sum())
    if not total:
        return 0.0
    rank = np.arange(1, count + 1)
    return float(((2 * rank - count - 1) * ascending).sum() / (count * total))


def outcome(day: Day) -> Outcome:
    """Count a day that is over."""
    accepted = [errand for errand in day.errands if errand.accepted is not None]
    completed = sum(errand.delivered is not None for errand in day.errands)
    runners = [person for person in day.people if not person.passes_by]
    hours = np.array([(max(person.off, person.left) - person.on) / 3600 for person in runners])
    earned = np.array([float(person.earned) for person in runners])
    walked = sum(person.walked_min - person.own_way_min for person in day.people)
    return Outcome(
        policy=day.policy.name,
        posted=len(day.errands),
        completed=completed,
        given_up=len(day.given_up),
        asked=day.asked,
        refused=day.refused,
        to_acceptance=np.array([((e.accepted or 0) - e.posted) / 60 for e in accepted]),
        to_pickup=np.array([((e.collected or 0) - e.posted) / 60 for e in accepted]),
        added_walk=walked / max(1, completed),
        hourly=earned / hours,
        earned_hourly=float(earned.sum() / hours.sum()),
        by_passers=completed - sum(person.completed for person in runners),
        samples=day.samples,
    )
