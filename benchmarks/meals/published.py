"""What others reached on the same problem, and how a set of plans stands against it.

Nobody has published single instances, only means over sets of which we hold a part. So minutes
are compared by how far they lie above the floor of their own set: click-to-door with a courier
always there in time.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from benchmarks.meals.figures import Figures, together


class Published(NamedTuple):
    """Means over all instances of a set: minutes, a share, and pay per order."""

    title: str
    click_to_door: float
    ready_to_pickup: float
    undelivered: float | None
    cost_per_order: float | None
    floor: float


# Yildiz, Savelsbergh: Provably High-Quality Solutions for the Meal Delivery Routing Problem
# (2018). Which sixteen stands nowhere at hand; the halves of seed 0 are sixteen, and their
# floor (from their instance_characteristics.txt) is these minutes less the ready-to-pickup.
EXACT = Published("exact optimum, full foresight (16 small)", 30.67, 0.66, None, None, 29.99)
EXACT_NAMES = ("0o50", "0r50")
# Reyes, Erera, Savelsbergh, Sahasrabudhe, O'Neil: The Meal Delivery Routing Problem (2018).
HEURISTIC = Published("rolling horizon of 2018 (240)", 32.74, 1.93, 0.0025, 11.42, 30.35)
OTHERS = (
    Published("nearest, first come (240)", 47.86, 17.45, 0.0359, 10.74, 30.35),
    HEURISTIC,
    Published("rolling horizon of 2018 (16 small)", 31.88, 1.40, None, None, 29.99),
    EXACT,
)

MOST_OF_EXACT = 1.01
MOST_OF_HEURISTIC = 0.965
MOST_UNDELIVERED = 0.001
MOST_COST = 11.2


class Mark(NamedTuple):
    """``value`` is to be ``most`` at the most."""

    title: str
    value: float
    most: float

    @property
    def met(self) -> bool:
        return self.value <= self.most


def marks(every: Sequence[Figures]) -> list[Mark]:
    """Hold instances against the marks; the optimum is known for some only."""
    whole = together(every)
    small = [each for each in every if each.name.startswith(EXACT_NAMES)]
    found = [
        Mark("click-to-door ÷ published heuristic", _against(whole, HEURISTIC), MOST_OF_HEURISTIC),
        Mark("undelivered", whole.undelivered, MOST_UNDELIVERED),
        Mark("cost per order", whole.cost_per_order, MOST_COST),
    ]
    if small:
        title = f"click-to-door ÷ exact optimum ({len(small)} of the 16)"
        found.insert(0, Mark(title, _against(together(small), EXACT), MOST_OF_EXACT))
    return found


def _against(ours: Figures, theirs: Published) -> float:
    """Compare minutes as multiples of either set's floor."""
    return ours.click_to_door / ours.floor / (theirs.click_to_door / theirs.floor)
