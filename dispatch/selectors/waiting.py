"""Errands that wait for a runner, and what a runner may know of them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db.models import Q, QuerySet
from msgspec import Struct

from accounts.models import User
from accounts.selectors import approved_caller
from common.geo import AREA, SNAP_M, Point, areas_in, box_around, metres_between, snap
from common.prepared import Cut, Prepared
from dispatch.models import Offer, OfferState
from errands.models import Errand
from errands.states import State

MOST_LISTED = 50
ALL_AREAS = (f"8{AREA}", f"8{AREA + 1}")  # names begin with their size
MOST_LOOKED_AT = 1_000


class CoarseRow(Struct):
    """What is shown of an errand, or worked out from it, before it is the runner's own."""

    id: UUID
    kind: str
    title: str
    pickup_lat: float
    pickup_lng: float
    dropoff_lat: float | None
    dropoff_lng: float | None
    weight_kg: int
    bags: int
    budget: int
    expected_minutes: int
    walking_minutes: float
    reward: int

    @property
    def pickup(self) -> Point:
        return Point(self.pickup_lat, self.pickup_lng)

    @property
    def dropoff(self) -> Point | None:
        if self.dropoff_lat is None or self.dropoff_lng is None:
            return None
        return Point(self.dropoff_lat, self.dropoff_lng)


class AskedRow(Struct):
    errand_id: UUID
    runner_id: UUID
    state: str


def visible_errands(now: datetime) -> QuerySet[Errand]:
    """Open errands that runners may know of: not lapsed, and not long before their start."""
    return visible_until(now, now + settings.SCHEDULE_LEAD)


def visible_until(now: datetime, soon: datetime) -> QuerySet[Errand]:
    """The same, where ``soon`` is until when an errand must start; for prepared queries."""
    started = Q(starts_at__isnull=True) | Q(starts_at__lte=soon)
    in_time = Q(due_at__isnull=True) | Q(due_at__gt=now)
    return Errand.objects.filter(started, in_time, state=State.OPEN)


def areas_waiting(now: datetime) -> list[str]:
    """Return the areas with an errand about which nobody is being asked."""
    asked = Offer.objects.filter(state=OfferState.OFFERED).values_list("errand_id", flat=True)
    waiting = visible_errands(now).exclude(pk__in=list(asked))  # never a subquery: two are quick
    # Only cells: what an older program still writes must not stop the rest.
    cells = waiting.filter(area__range=ALL_AREAS).order_by("area")
    return list(cells.values_list("area", flat=True).distinct())


def errands_near(
    *, runner: User, point: Point, radius_m: float, now: datetime
) -> list[dict[str, Any]]:
    """List what ``runner`` could claim around ``point``, nearest first, places coarse.

    Raises:
        NotAllowed: as ``accounts.selectors.approved_runner``.
    """
    kinds = approved_caller(runner).kinds
    # A block wider than asked: whether a row is seen must follow from its block alone, or the
    # edge of the box, moved step by step, would find out the exact address.
    box = box_around([point], radius_m + SNAP_M)
    found = CLAIMABLE.rows(
        Cut(most=MOST_LOOKED_AT), now=now, soon=now + settings.SCHEDULE_LEAD, kinds=kinds,
        areas=areas_in(box), runner=runner.pk, **box._asdict(),
    ) if kinds else []  # fmt: skip
    rows = [_listed(errand, point) for errand in _claimable(found, runner)]
    near = [row for row in rows if row["distance_m"] <= radius_m]
    return sorted(near, key=lambda row: row["distance_m"])[:MOST_LISTED]


def _claimable(errands: Sequence[CoarseRow], runner: User) -> Sequence[CoarseRow]:
    """Leave out what somebody else is being asked about, and what ``runner`` gave back."""
    if not errands:
        return errands
    barred = {
        asked.errand_id
        for asked in ASKED.rows(errands=[errand.id for errand in errands], runner=runner.pk)
        if asked.state == OfferState.DROPPED or asked.runner_id != runner.pk
    }
    return [errand for errand in errands if errand.id not in barred]


def _listed(errand: CoarseRow, point: Point) -> dict[str, Any]:
    return {
        **coarse(errand),
        "pay": errand.reward,
        "walking_minutes": float(round(errand.walking_minutes)),
        "distance_m": round(metres_between(point, snap(errand.pickup))),
    }


def coarse(errand: Errand | CoarseRow) -> dict[str, Any]:
    """What a runner may know before the errand is theirs: blocks, no addresses."""
    return {
        "errand_id": str(errand.id),
        "kind": errand.kind,
        "title": errand.title,
        "pickup": block(errand.pickup),
        "dropoff": block(errand.dropoff),
        "weight_kg": errand.weight_kg,
        "bags": errand.bags,
        "budget": errand.budget,
    }


def block(point: Point | None) -> dict[str, float] | None:
    return None if point is None else snap(point)._asdict()


def _claimable_around(
    *, now: Any, soon: Any, kinds: Any, areas: Any, runner: Any,
    south: Any, west: Any, north: Any, east: Any,
) -> QuerySet[Errand]:  # fmt: skip
    return visible_until(now, soon).filter(
        area__in=areas,  # what the index knows of places
        pickup_lat__range=(south, north),
        pickup_lng__range=(west, east),
        kind__in=kinds,
    ).exclude(requester=runner)  # fmt: skip


def _asked_about(*, errands: Any, runner: Any) -> QuerySet[Offer]:
    dropped = Q(state=OfferState.DROPPED, runner=runner)
    return Offer.objects.filter(Q(state=OfferState.OFFERED) | dropped, errand_id__in=errands)


# Compiled once.
CLAIMABLE = Prepared(_claimable_around, CoarseRow, CoarseRow.__struct_fields__)
ASKED = Prepared(_asked_about, AskedRow, AskedRow.__struct_fields__)
ERRANDS = Prepared(
    lambda ids: Errand.objects.filter(pk__in=ids), CoarseRow, CoarseRow.__struct_fields__
)
