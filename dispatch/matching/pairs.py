"""Errand–runner pairs as columns, and how each errand fits into the runner's way."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from dispatch.matching.shapes import Flags, Floats, Ints


def among(keys: Ints, known: Ints) -> Flags:
    """Tell which of ``keys`` are in ``known``, which is sorted; unlike numpy's own without hashing
    or sorting the many."""
    if not len(known):
        return np.zeros(len(keys), dtype=bool)
    found: Flags = known[np.minimum(np.searchsorted(known, keys), len(known) - 1)] == keys
    return found


def numbered(rows: Ints, size: int) -> tuple[Ints, Ints]:
    """Return the different ``rows``, all below ``size``, in order; and which of them each is."""
    used = np.zeros(size, dtype=bool)
    used[rows] = True
    return np.nonzero(used)[0], (np.cumsum(used) - 1)[rows]


def without(rows: Ints, size: int) -> Ints:
    """Return the numbers below ``size`` that are not in ``rows``."""
    left = np.ones(size, dtype=bool)
    left[rows] = False
    return np.nonzero(left)[0]


@dataclass(slots=True)
class Pairs:
    """Equally long columns, one row a pair: two row numbers, and how far the pickup is."""

    errand: Ints
    runner: Ints
    metres: Floats  # from the runner's way, as the crow flies

    @classmethod
    def none(cls) -> Pairs:
        nobody = np.zeros(0, dtype=np.int64)
        return cls(nobody, nobody, np.zeros(0))

    def __len__(self) -> int:
        return len(self.errand)

    def where(self, keep: Flags | Ints) -> Pairs:
        return Pairs(self.errand[keep], self.runner[keep], self.metres[keep])

    def and_these(self, more: Pairs) -> Pairs:
        return Pairs(
            np.concatenate([self.errand, more.errand]),
            np.concatenate([self.runner, more.runner]),
            np.concatenate([self.metres, more.metres]),
        )


@dataclass(slots=True)
class Insertions:
    """One row a pair; without a way to keep every promise the cost is infinite."""

    cost: Floats  # what was made small: seconds added, and what the rules count beside
    added: Floats  # seconds of walking
    arrival: Floats  # seconds from now until the drop-off
    pickup: Ints  # after so many stops
    dropoff: Ints  # likewise, of the route without the pickup

    @classmethod
    def none(cls, count: int) -> Insertions:
        never, nowhere = np.full(count, np.inf), np.zeros(count, dtype=np.int64)
        return cls(never, never.copy(), never.copy(), nowhere, nowhere.copy())

    def where(self, keep: Flags | Ints) -> Insertions:
        return Insertions(
            self.cost[keep], self.added[keep], self.arrival[keep], self.pickup[keep],
            self.dropoff[keep],
        )  # fmt: skip

    def and_these(self, more: Insertions) -> Insertions:
        return Insertions(
            *(
                np.concatenate([getattr(self, name), getattr(more, name)])
                for name in ("cost", "added", "arrival", "pickup", "dropoff")
            )
        )

    def put(self, rows: Ints, found: Insertions) -> None:
        for name in ("cost", "added", "arrival", "pickup", "dropoff"):
            getattr(self, name)[rows] = getattr(found, name)
