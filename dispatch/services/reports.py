"""What a phone reports about its way: onto the map, into the trails, to whoever watches."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from functools import partial
from uuid import UUID, uuid4

from django.db import DatabaseError

from accounts.models import User
from common import clock
from common.db import in_database
from common.errors import Unavailable
from common.together import PerLoop, Together
from dispatch import live, locations
from dispatch.live import RunnerStanding
from dispatch.policy import NO_TIME, Fix
from dispatch.services.known import Known, Reading, Report, look_up
from dispatch.services.trails import trail_add, trail_write

KNOWN_FOR_S = 30.0
RECALLED_AT_ONCE = 200

Then = Callable[[Report | BaseException], None]


def positions_report(
    *, user: User, points: Sequence[Reading], now: datetime, behind: timedelta = NO_TIME
) -> Report:
    """Take in a batch of points by itself, as REST gets it.

    ``behind`` is how far the phone's clock is behind ours, by which ``recorded_at`` is put right.

    Raises:
        Unavailable: Redis does not answer.
    """
    teller = uuid4().hex  # nobody: sockets of this runner ask again
    [known] = look_up([locations.recall_now(user.pk, teller=teller)], now=now)
    if not known.occupied:
        return off_duty(points)
    kept, refused = known.sift(points, now=now, behind=behind)
    if kept:
        if known.carried:
            trail_add(known.trail(user.pk, kept))
            live.push_position_now(**known.shown(kept)._asdict())
        locations.remember_now(user.pk, kept[-1], teller=teller)
    return Report(len(kept), refused)


def off_duty(points: Sequence[Reading]) -> Report:
    return Report(0, {"off_duty": len(points)})


async def _recall_all(asked: Sequence[tuple[UUID, str]]) -> list[Known]:
    return await in_database(look_up, await locations.recall(asked), now=clock.now())


_recalls: PerLoop[Together[tuple[UUID, str], Known]] = PerLoop(
    lambda: Together(_recall_all, most=RECALLED_AT_ONCE)
)


class Track:
    """Takes in what one socket reports, and remembers what the next report needs to know.

    So that a steady stream reads neither Redis nor the database. What is remembered ends when
    anybody else reports for the runner, when the runner's duty or errands change (both are
    published on ``locations.news_topic``), after a report that failed, and after KNOWN_FOR_S
    unless it is confirmed.
    """

    def __init__(self, runner_id: UUID) -> None:
        self._runner_id = runner_id
        self._teller = uuid4().hex
        self._known: Known | None = None
        self._until = 0.0  # of time.monotonic()
        self._ended = 0  # how often it was no longer to be remembered
        self._shown: datetime | None = None

    async def report(
        self, points: Sequence[Reading], *, now: datetime, behind: timedelta = NO_TIME
    ) -> Report:
        """Take in a batch; one at a time. Kept points are stored when this returns.

        Raises:
            Unavailable: Redis does not answer; nothing is acknowledged.
            DatabaseError: as the trail is written.
        """
        known, teller = self._known, None
        if known is None or time.monotonic() > self._until:
            known, teller = await self._recall(), self._teller
        if not known.occupied:
            return off_duty(points)
        kept, refused = known.sift(points, now=now, behind=behind)
        if kept:
            try:
                await self._keep(known, kept, teller)
            except (Unavailable, DatabaseError):
                self.forget()
                raise
            known.last = kept[-1]
        return Report(len(kept), refused)

    @property
    def sure(self) -> Known | None:
        """What is remembered, if :meth:`report_soon` needs no more."""
        known = self._known
        if known is None or not known.occupied or time.monotonic() > self._until:
            return None
        return known

    def report_soon(
        self, known: Known, points: Sequence[Reading], *, now: datetime, behind: timedelta,
        then: Then,
    ) -> None:  # fmt: skip
        """Do what :meth:`report` does without a task of its own; ``known`` is :attr:`sure`.

        ``then`` gets what it returns or raises.
        """
        kept, refused = known.sift(points, now=now, behind=behind)
        report = Report(len(kept), refused)
        if not kept:
            then(report)
            return
        goal = partial(self._stored, known, kept[-1], report, then)
        if known.carried:
            self._show(known, kept)
            written = trail_write(known.trail(self._runner_id, kept))
            written.add_done_callback(partial(self._written, kept[-1], goal))
        else:
            locations.remembered(self._runner_id, kept[-1]).add_done_callback(goal)

    def _written(
        self, last: Fix, goal: Callable[[asyncio.Future[None]], None], done: asyncio.Future[None]
    ) -> None:
        """The trail is before the last position: what failed in between can come again."""
        if done.cancelled() or done.exception() is not None:
            goal(done)
        else:
            locations.remembered(self._runner_id, last).add_done_callback(goal)

    def _stored(
        self, known: Known, last: Fix, report: Report, then: Then, done: asyncio.Future[None]
    ) -> None:
        error = Unavailable() if done.cancelled() else done.exception()
        if error is None:
            known.last = last
            then(report)
        else:
            self.forget()
            then(error)

    def hear(self, teller: str) -> None:
        """Somebody did something that may end what is remembered."""
        if teller != self._teller:
            self.forget()

    def forget(self) -> None:
        self._known = None
        self._ended += 1

    def confirm(self, standing: RunnerStanding) -> None:
        """Go on remembering, if it is as the database has it."""
        if self._known is None:
            return
        carried = frozenset((errand.pk, errand.version) for errand in self._known.carried)
        if (standing.on_duty, standing.carried) == (self._known.on_duty, carried):
            self._until = time.monotonic() + KNOWN_FOR_S
        else:
            self.forget()

    async def _recall(self) -> Known:
        ended = self._ended
        known = await _recalls().do((self._runner_id, self._teller))
        if self._ended == ended:  # else it is good for this report and no other
            self._known, self._until = known, time.monotonic() + KNOWN_FOR_S
        return known

    async def _keep(self, known: Known, kept: Sequence[Fix], teller: str | None) -> None:
        if known.carried:
            self._show(known, kept)
            await trail_write(known.trail(self._runner_id, kept))
        await locations.remember(self._runner_id, kept, teller=teller)

    def _show(self, known: Known, kept: Sequence[Fix]) -> None:
        """Need not wait for the trail. A batch that comes again, because it failed, is not shown
        again."""
        seen = self._shown
        new = [fix for fix in kept if seen is None or fix.recorded_at > seen]
        if new:
            live.push_position(**known.shown(new)._asdict())
            self._shown = new[-1].recorded_at
