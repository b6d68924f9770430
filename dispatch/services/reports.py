"""What a phone reports about its way: the hot path, without the database while nothing is
carried."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from typing import NamedTuple, ParamSpec, Protocol, TypeVar
from uuid import UUID

from asgiref.sync import sync_to_async
from django.conf import settings
from django.db import close_old_connections

from accounts.models import RunnerProfile, User
from common.db import in_unit, run_in_unit
from dispatch import live, locations
from dispatch.models import TrailPoint
from dispatch.policy import CLOCKS_DIFFER, NO_TIME, Fix, eta_minutes, sift
from dispatch.selectors import carried_by, load_of
from errands.models import Errand

P = ParamSpec("P")
T = TypeVar("T")


class Reading(Protocol):
    """A reported point as it came in; units as in :class:`dispatch.policy.Fix`."""

    @property
    def lat(self) -> float: ...
    @property
    def lng(self) -> float: ...
    @property
    def accuracy(self) -> float: ...
    @property
    def recorded_at(self) -> datetime: ...
    @property
    def speed(self) -> float | None: ...
    @property
    def heading(self) -> float | None: ...


class Report(NamedTuple):
    """How many points were kept, and how many refused for which reason."""

    kept: int
    refused: dict[str, int]


class Occupation(StrEnum):
    OFF = "off"
    IDLE = "idle"
    CARRYING = "carrying"


async def positions_report(
    *, user: User, points: Sequence[Reading], now: datetime, behind: timedelta = NO_TIME
) -> Report:
    """Take in a batch of points: onto the map, into the trails, to whoever watches.

    ``behind`` is how far the phone's clock is behind ours, by which ``recorded_at`` is put right.

    Raises:
        Unavailable: Redis does not answer.
    """
    last, noted = await locations.recall(user.pk)
    occupation = noted or await _look_up(user.pk)
    if occupation == Occupation.OFF:
        return Report(0, {"off_duty": len(points)})
    kept, refused = sift(
        [_fix(point) for point in points],
        last=last, now=now, max_speed_mps=settings.RUNNER_MAX_SPEED_MPS, behind=behind,
    )  # fmt: skip
    if kept:
        await locations.remember(user.pk, kept)
        if occupation == Occupation.CARRYING:
            carried = await sync_to_async(_leave_trail)(user.pk, kept)
            await _show(carried, kept[-1])
    return Report(len(kept), refused)


def _fix(point: Reading) -> Fix:
    return Fix(point.lat, point.lng, point.accuracy, point.recorded_at, point.speed, point.heading)


async def _look_up(runner_id: UUID) -> str:
    occupation = await sync_to_async(_occupation_of)(runner_id)
    await locations.note_occupation(runner_id, occupation)
    return occupation


def _with_connection(work: Callable[P, T]) -> Callable[P, T]:
    """Outside of requests nobody else replaces a connection that the database has closed."""

    @functools.wraps(work)
    def wrapper(*args: P.args, **kwargs: P.kwargs) -> T:
        _drop_lost_connections()
        try:
            return work(*args, **kwargs)
        finally:
            _drop_lost_connections()

    return wrapper


def _drop_lost_connections() -> None:
    if not in_unit():
        close_old_connections()


@_with_connection
def _occupation_of(runner_id: UUID) -> Occupation:
    if carried_by([runner_id]):
        return Occupation.CARRYING
    on_duty = RunnerProfile.objects.filter(user_id=runner_id, on_duty=True).exists()
    return Occupation.IDLE if on_duty else Occupation.OFF


@_with_connection
def _leave_trail(runner_id: UUID, kept: Sequence[Fix]) -> list[Errand]:
    """Add the points to the trail of each errand carried right now; return those errands."""
    carried = carried_by([runner_id]).get(runner_id, [])
    points = [
        TrailPoint(
            errand=errand, runner_id=runner_id, lat=fix.lat, lng=fix.lng,
            accuracy=fix.accuracy, recorded_at=fix.recorded_at,
        )
        for errand in carried
        for fix in kept
        if _is_for(errand, fix)
    ]  # fmt: skip
    run_in_unit(lambda: TrailPoint.objects.bulk_create(points))
    return carried


def _is_for(errand: Errand, fix: Fix) -> bool:
    """Tell whether a runner walked here for ``errand``.

    A phone may send hours of its way at once; where it was before is nobody's business.
    """
    since = errand.accepted_at or errand.created_at
    return fix.recorded_at >= since - CLOCKS_DIFFER


async def _show(carried: Sequence[Errand], fix: Fix) -> None:
    loads = [load_of(errand) for errand in carried]
    await live.push_position(
        [errand.pk for errand in carried if _is_for(errand, fix)],
        point=fix.point,
        recorded_at=fix.recorded_at,
        eta_minutes={e.pk: eta_minutes(fix.point, loads, e.pk) for e in carried},
    )
