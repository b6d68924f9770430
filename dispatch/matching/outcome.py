"""What a run answers: the matches with their terms, and for the rest the reasons."""

from __future__ import annotations

from uuid import UUID

import numpy as np

from dispatch.matching.costs import Priced, Terms
from dispatch.matching.pairs import without
from dispatch.matching.routes import Routes, counted
from dispatch.matching.shapes import Match, NonOffer
from dispatch.matching.single import Table


def matches(routes: Routes, terms: Terms, given: Priced) -> list[Match]:
    """Return one match for each runner who was given something, in the runners' order."""
    area, pairs = routes.area, given.pairs
    why = _terms(terms, given)
    rows = dict(zip(pairs.errand.tolist(), range(len(why)), strict=True))
    found, runners = [], np.unique(pairs.runner)
    lengths = routes.length[runners]
    places = routes.places[np.repeat(runners, lengths), counted(lengths) + 1]
    steps, end = area.steps(places), np.cumsum(lengths).tolist()
    for runner, start, then in zip(runners.tolist(), [0, *end], end, strict=False):
        way = tuple(steps[start:then])
        errands = [place for place in places[start:then].tolist() if place < len(area.errands)]
        found.append(
            Match(
                runner_id=area.runners[runner].id,
                errand_ids=tuple(area.errands[errand].id for errand in errands),
                terms=tuple(why[rows[errand]] for errand in errands),
                way=way,
            )
        )
    return found


def _terms(terms: Terms, given: Priced) -> list[dict[str, float]]:
    """Say why, row by row, in minutes and metres."""
    pairs = given.pairs
    later = np.ones(len(pairs), dtype=bool)
    later[np.unique(pairs.runner, return_index=True)[1]] = False
    columns = {
        "added_minutes": given.found.added / 60,
        "waiting": terms.waiting[pairs.errand],
        "fairness": np.where(later, 0.0, terms.fairness[pairs.runner]),
        "ignored": terms.ignored(pairs),
        "total": given.cost,
        "distance_m": pairs.metres,
        "reach_m": terms.area.reach[pairs.errand],
    }
    values = np.round(np.column_stack(list(columns.values())), 3).tolist()
    return [dict(zip(columns, row, strict=True)) for row in values]


def reasons(table: Table, given: Priced) -> dict[UUID, NonOffer]:
    """Say at which rule each errand that found nobody lost its last runner."""
    area = table.area
    alone = without(given.pairs.errand, len(area.errands))
    counts = table.left[:, alone].T.tolist()
    return {
        area.errands[errand].id: _non_offer(*left)
        for errand, left in zip(alone.tolist(), counts, strict=True)
    }


def _non_offer(near: int, allowed: int, able: int, open_ended: int, timely: int) -> NonOffer:
    missing = {
        "no_runner_in_reach": not near,
        "all_excluded": not allowed,
        "no_capacity": not able,
        "off_corridor": not timely and not open_ended,
        "late": not timely,
    }
    reason = next((name for name, true in missing.items() if true), "outbid")
    return NonOffer(reason, near, allowed, able, timely)
