"""What taking in a report needs to know of the runner, and what follows from it."""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import NamedTuple, Protocol
from uuid import UUID

from django.conf import settings

from accounts.models import RunnerProfile
from common.geo import Point
from dispatch import locations
from dispatch.locations import Recalled
from dispatch.models import TrailPoint
from dispatch.policy import CLOCKS_DIFFER, Fix, Load, Sifted, etas, sift
from dispatch.selectors import carried_by, corridors_of, load_of
from dispatch.services.trails import trail_end
from errands.models import Errand


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


EMPTY_HANDED = {Occupation.OFF, Occupation.IDLE}


class Shown(NamedTuple):
    """What the watchers of one runner's errands are told, as ``live.push_position`` takes it."""

    errand_ids: Sequence[UUID]
    point: Point
    recorded_at: datetime
    eta_minutes: Mapping[UUID, float]
    ways: Mapping[UUID, Sequence[Point]]


@dataclass(slots=True)
class Known:
    """A runner's last position, and what they carry."""

    last: Fix | None
    on_duty: bool
    carried: Sequence[Errand]
    loads: Sequence[Load]

    @property
    def occupied(self) -> bool:
        """A pause in the middle does not hide what is carried."""
        return self.on_duty or bool(self.carried)

    def sift(self, points: Sequence[Reading], *, now: datetime, behind: timedelta) -> Sifted:
        fixes = [
            Fix(each.lat, each.lng, each.accuracy, each.recorded_at, each.speed, each.heading)
            for each in points
        ]
        return sift(
            fixes, last=self.last, now=now, max_speed_mps=settings.RUNNER_MAX_SPEED_MPS,
            behind=behind,
        )  # fmt: skip

    def trail(self, runner_id: UUID, kept: Sequence[Fix]) -> list[TrailPoint]:
        """The points that ``kept`` adds to the trail of each errand carried."""
        return [
            TrailPoint(
                errand_id=errand.pk, runner_id=runner_id, lat=fix.lat, lng=fix.lng,
                accuracy=fix.accuracy, recorded_at=fix.recorded_at,
            )
            for errand in self.carried
            for fix in kept
            if is_for(errand, fix)
        ]  # fmt: skip

    def shown(self, kept: Sequence[Fix]) -> Shown:
        """Where the runner is, for each errand with the way there since it was accepted."""
        here = kept[-1]
        ways = {
            errand.pk: [fix.point for fix in kept if is_for(errand, fix)]
            for errand in self.carried
            if is_for(errand, here)
        }
        return Shown(list(ways), here.point, here.recorded_at, etas(here.point, self.loads), ways)


def is_for(errand: Errand, fix: Fix) -> bool:
    """Tell whether a runner walked here for ``errand``.

    A phone may send hours of its way at once; where it was before is nobody's business.
    """
    since = errand.accepted_at or errand.created_at
    return fix.recorded_at >= since - CLOCKS_DIFFER


def look_up(recalled: Sequence[Recalled], *, now: datetime) -> list[Known]:
    """Add to what Redis knows of each runner what the database does, if it is not noted.

    Raises:
        Unavailable: Redis does not answer.
    """
    unsure = [each.runner_id for each in recalled if each.occupation not in EMPTY_HANDED]
    carried = carried_by(unsure) if unsure else {}
    waiting = RunnerProfile.objects.filter(user_id__in=unsure, on_duty=True)
    on_duty = set(waiting.values_list("user_id", flat=True)) if unsure else set()
    if unsure:
        locations.note_occupations(
            {each: _occupation(each, carried, on_duty) for each in unsure},
            under_way=carried.keys() | corridors_of(unsure, now=now).keys(), now=now,
        )  # fmt: skip
    on_duty.update(each.runner_id for each in recalled if each.occupation == Occupation.IDLE)
    return [
        _known(each, carried.get(each.runner_id, []), on_duty=each.runner_id in on_duty)
        for each in recalled
    ]


def _occupation(runner_id: UUID, carried: Container[UUID], on_duty: Container[UUID]) -> Occupation:
    if runner_id in carried:
        return Occupation.CARRYING
    return Occupation.IDLE if runner_id in on_duty else Occupation.OFF


def _known(recalled: Recalled, carried: Sequence[Errand], *, on_duty: bool) -> Known:
    # The end of a trail counts like a report: what came so far is in it, even if Redis lost it.
    ends = [trail_end(errand.pk, recalled.runner_id) for errand in carried]
    fixes = [fix for fix in (recalled.last, *ends) if fix is not None]
    last = max(fixes, key=lambda fix: fix.recorded_at, default=None)
    return Known(last, on_duty, carried, [load_of(errand) for errand in carried])
