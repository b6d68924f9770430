"""One matching run of one area: read, solve, write down why, offer."""

from __future__ import annotations

import time
from datetime import datetime

from django.conf import settings

from dispatch import matching, walking
from dispatch.matching import Rules
from dispatch.services.areas import areas_serving, crowd_note
from dispatch.services.closing import matching_ask
from dispatch.services.inputs import inputs_of
from dispatch.services.notes import solve_note
from dispatch.services.offers import offers_make
from dispatch.services.turns import area_turn, wanted_again


def match_area(*, area: str, now: datetime) -> int:
    """Offer the open errands of an area to the best runners; return how many offers were made.

    Raises:
        Unavailable: Redis does not answer.
    """
    (area,) = areas_serving([area])
    with area_turn(area) as mine:
        made = _run(area, now) if mine else 0
    # Who was turned away meanwhile counts on us.
    if mine and wanted_again(area):
        matching_ask(area)
    return made


def _run(area: str, now: datetime) -> int:
    started = time.perf_counter()
    inputs = inputs_of(area, now=now)
    if inputs is None:
        return 0
    rules = Rules(most_bundled=settings.MATCHING_MOST_BUNDLED)
    with walking.walk() as walk:
        solution = matching.solve(inputs.wanted, inputs.free, walk=walk, rules=rules)
    took_ms = (time.perf_counter() - started) * 1_000
    solve = solve_note(area, inputs, solution, took_ms=took_ms, estimated=walk.estimated, now=now)
    made = 0
    if solve is not None:
        made = offers_make(matches=solution.matches, errands=inputs.errands, solve=solve, now=now)
    crowd_note(area, errands=len(inputs.wanted), runners=len(inputs.free))
    return made
