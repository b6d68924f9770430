"""Who is asked first: all open errands of an area against all free runners, solved together.

One minimum-cost assignment. A cost is in walking minutes; a lower one is asked first. Nobody
in reach is better than a broken rule, anybody in reach is better than nobody.
"""

from __future__ import annotations

from collections.abc import Sequence

from dispatch.matching.area import Area
from dispatch.matching.assignment import assign
from dispatch.matching.bundles import Bundles
from dispatch.matching.costs import Terms
from dispatch.matching.outcome import matches, reasons
from dispatch.matching.routes import Routes
from dispatch.matching.shapes import (
    MOST_CARRIED,
    Corridor,
    Free,
    Match,
    NonOffer,
    Rules,
    Solution,
    Step,
    Visit,
    Wanted,
)
from dispatch.matching.single import looked_around
from dispatch.matching.walk import Estimate, Walk

__all__ = [
    "MOST_CARRIED", "Corridor", "Estimate", "Free", "Match", "NonOffer", "Rules", "Solution",
    "Step", "Visit", "Walk", "Wanted", "solve",
]  # fmt: skip

ESTIMATE = Estimate()
PRODUCT = Rules()


def solve(
    errands: Sequence[Wanted], runners: Sequence[Free], *, walk: Walk = ESTIMATE,
    rules: Rules = PRODUCT,
) -> Solution:  # fmt: skip
    """Match one area: each errand to one runner, then those together that save a walk."""
    if not errands or not runners:
        return Solution([], {e.id: NonOffer("no_runner_in_reach") for e in errands})
    area = Area(errands, runners, walk, rules)
    routes, terms = Routes(area), Terms(area)
    table, chosen = looked_around(routes, terms)
    bundles, singles = Bundles(routes), table.priced.where(chosen)
    while rules.most_bundled > 1 and bundles.grow(singles):
        rest = table.priced.where(bundles.rest(table.priced.pairs))
        singles = rest.where(assign(rest.pairs, rest.cost, area.shape))
    given = bundles.finish(singles)
    return Solution(matches(bundles.routes, terms, given), reasons(table, given))
