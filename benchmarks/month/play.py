"""The month itself: errands at any time of it, the sweeps, a payday a week, until all is over."""

from __future__ import annotations

import datetime as dt
import sys
from collections import Counter

from benchmarks.month.payday import paydays
from benchmarks.month.stories import Story
from benchmarks.month.world import World
from errands.models import Errand
from errands.states import State
from payments.models import Payout, Transfer
from tests.toss.server import TossServer

DAY = dt.timedelta(days=1)
PAYDAY = dt.timedelta(hours=10)  # of the first Monday; weekly payouts are asked for at nine
OVER = 10 * DAY  # the last errands end, the last Monday is paid and its results are imported


def played(
    company: TossServer, *, begins: dt.datetime, days: int, errands: int, seed: int
) -> World:
    """Play ``errands`` within ``days``, and what follows from them; ``begins`` on a Monday."""
    world = World(company, begins=begins, errands=errands, seed=seed)
    world.begin(world.sweeps(), after=dt.timedelta(0))
    world.begin(paydays(world), after=PAYDAY)
    for _number in range(errands):
        world.begin(Story(world).told(), after=days * DAY * world.random.random())
    for day in range(days):
        world.play(begins + (day + 1) * DAY)
        print(f"  day {day + 1} of {days} …", file=sys.stderr, flush=True)
    world.play(begins + days * DAY + OVER)
    return world


def summary() -> str:
    """Say how the errands and the payouts ended, and why money moved."""
    errands = Counter(Errand.objects.values_list("state", flat=True))
    completed = Errand.objects.filter(state=State.COMPLETED).values_list("kind", flat=True)
    payouts = Counter(Payout.objects.values_list("state", flat=True))
    transfers = Counter(Transfer.objects.values_list("kind", flat=True))
    return "\n".join(
        f"{sum(found.values()):,} {what}: "
        + ", ".join(f"{count:,} {state}" for state, count in found.most_common())
        for what, found in (
            ("errands", errands),
            ("completed", Counter(completed)),
            ("payouts", payouts),
            ("transfers", transfers),
        )
    )
