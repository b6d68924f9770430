"""What a runner carries, as the server last told it."""

from __future__ import annotations

from typing import Any

from common.geo import Point, metres_between
from dispatch.sandbox.habits import Habits, RunnerFate
from errands.states import UNDERWAY

Errand = dict[str, Any]

MOST_TROUBLE = 12


class Bag:
    """The errands underway, and what their runner has in mind for each."""

    def __init__(self, habits: Habits) -> None:
        self._habits = habits
        self._errands: dict[str, Errand] = {}
        self._fates: dict[str, RunnerFate] = {}
        self._trouble: dict[str, int] = {}

    def __len__(self) -> int:
        return len(self._errands)

    def __contains__(self, errand_id: object) -> bool:
        return errand_id in self._errands

    def keep(self, errand: Errand) -> None:
        """Note the errand's newest state; one that is not underway leaves the bag."""
        if errand["state"] not in UNDERWAY:
            self.forget(errand["id"])
            return
        self._errands[errand["id"]] = errand
        if errand["id"] not in self._fates:
            self._fates[errand["id"]] = self._habits.runner_fate()

    def forget(self, errand_id: str) -> None:
        for part in (self._errands, self._fates, self._trouble):
            part.pop(errand_id, None)

    def ids(self) -> set[str]:
        return set(self._errands)

    def fate(self, errand: Errand) -> RunnerFate:
        return self._fates.get(errand["id"], RunnerFate.DELIVER)

    def nearest(self, position: Point) -> Errand:
        """Return the errand whose next place is nearest."""
        return min(
            self._errands.values(), key=lambda errand: metres_between(position, next_place(errand))
        )

    def went_well(self, errand_id: str) -> None:
        self._trouble.pop(errand_id, None)

    def went_wrong(self, errand_id: str) -> bool:
        """Count a failed step; True when it was one too many."""
        self._trouble[errand_id] = self._trouble.get(errand_id, 0) + 1
        return self._trouble[errand_id] > MOST_TROUBLE


def next_place(errand: Errand) -> Point:
    ahead = errand["dropoff"] if errand["state"] in {"picked_up", "at_dropoff"} else None
    return place(ahead or errand["pickup"])


def place(given: dict[str, Any]) -> Point:
    return Point(given["lat"], given["lng"])
