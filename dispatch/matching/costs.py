"""What each errand–runner pair costs, in walking minutes, for all pairs at once."""

from __future__ import annotations

import numpy as np

from dispatch.matching.area import Area, coordinates
from dispatch.matching.shapes import Costs, Floats, Ints, Pairs, Rules
from dispatch.matching.walk import Walk


def price(area: Area, pairs: Pairs, walk: Walk, rules: Rules) -> Costs:
    """Price every pair."""
    waited = np.array([e.waited_s for e in area.errands]) / 60
    idle = np.array([r.idle_s for r in area.runners]) / 60
    added = _added_minutes(area, pairs, walk)
    waiting = -rules.waiting_weight * np.clip(waited, 0, rules.waiting_cap_min)[pairs.errand]
    fairness = -rules.fairness_weight * np.clip(idle, 0, rules.fairness_cap_min)[pairs.runner]
    ignored = rules.ignored_minutes * _times_ignored(area, pairs, rules.ignored_cap)
    return Costs(added, waiting, fairness, ignored, added + waiting + fairness + ignored)


def _times_ignored(area: Area, pairs: Pairs, cap: int) -> Floats:
    times = {
        key: min(area.errands[row].ignored[person], cap)
        for row, person, key in area.named(e.ignored for e in area.errands)
    }
    if not times:
        return np.zeros(len(pairs.errand))
    return np.array([times.get(key, 0) for key in area.keys(pairs).tolist()], dtype=np.float64)


def _added_minutes(area: Area, pairs: Pairs, walk: Walk) -> Floats:
    """Cheapest insertion of both places, runners with equally many stops in one go."""
    lengths = np.array([len(r.stops) for r in area.runners])[pairs.runner]
    added = np.zeros(len(pairs.errand))
    for length in np.unique(lengths).tolist():
        rows = lengths == length
        added[rows] = _inserted(area, pairs.where(rows), length, walk)
    return added / 60


def _inserted(area: Area, pairs: Pairs, length: int, walk: Walk) -> Floats:
    """Return the fewest seconds that each pair adds to a route of ``length`` stops."""
    route = _routes(area, pairs.runner, length)
    pickup, dropoff = area.pickups[pairs.errand], area.dropoffs[pairs.errand]
    return _cheapest(
        to_pickup=walk.seconds(route, pickup[:, None, :]),
        to_dropoff=walk.seconds(route, dropoff[:, None, :]),
        legs=walk.seconds(route[:, :-1], route[:, 1:]),
        between=walk.seconds(pickup, dropoff),
    )


def _routes(area: Area, runners: Ints, length: int) -> Floats:
    """For each of ``runners`` where he is and then his stops."""
    people, place = np.unique(runners, return_inverse=True)
    stops = coordinates(s.point for r in people.tolist() for s in area.runners[r].stops)
    starts = area.positions[people][:, None, :]
    routes: Floats = np.concatenate([starts, stops.reshape(len(people), length, 2)], axis=1)
    return routes[place]


def _cheapest(*, to_pickup: Floats, to_dropoff: Floats, legs: Floats, between: Floats) -> Floats:
    """Return the fewest added seconds, over every place for the pickup and a later drop-off.

    Columns of ``to_…`` are the runner and then his stops; ``legs`` are the ways between them.
    """
    last = legs.shape[1]
    best = np.full(len(between), np.inf)
    for p in range(last + 1):
        together = to_pickup[:, p] + between
        if p < last:
            together = together + to_dropoff[:, p + 1] - legs[:, p]
        best = np.minimum(best, together)
        if p == last:
            break
        pickup = to_pickup[:, p] + to_pickup[:, p + 1] - legs[:, p]
        for d in range(p + 1, last + 1):
            dropoff = to_dropoff[:, d]
            if d < last:
                dropoff = dropoff + to_dropoff[:, d + 1] - legs[:, d]
            best = np.minimum(best, pickup + dropoff)
    return best
