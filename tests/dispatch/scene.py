"""Open errands, runners who stand somewhere, and what they have been told."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from functools import cache
from typing import Any

from accounts.models import User
from common.geo import REGION, Point, area_of
from dispatch import locations, services
from dispatch.matching import Match
from dispatch.models import Offer, OfferState, RunnerMessage, Solve
from dispatch.services.offers import offers_make
from errands.models import Errand
from errands.states import Kind, State
from tests.conftest import PICKUP, make_errand, pay_for


def north(metres: float) -> Point:
    """A place so many metres north of the pickup."""
    return Point(PICKUP.lat + metres / 111_195, PICKUP.lng)


def stand(runner: User, metres: float, *, now: dt.datetime) -> None:
    """Put a runner on the map, north of the pickup."""
    locations.place(runner.pk, north(metres), now=now)


def opened(requester: User, *, now: dt.datetime, kind: Kind = Kind.DELIVERY, **row: Any) -> Errand:
    """A paid errand that waits for a runner; ``row`` changes its columns."""
    errand = pay_for(make_errand(requester, kind=kind, now=now), now=now)
    assert errand.state == State.OPEN
    if row:
        Errand.objects.filter(pk=errand.pk).update(**row)
        errand.refresh_from_db()
    return errand


@cache
def border() -> float:
    """How many metres north of the pickup the next region begins."""
    near, far = 0.0, 8_000.0
    while far - near > 1:
        middle = (near + far) / 2
        inside = area_of(north(middle), REGION) == area_of(PICKUP, REGION)
        near, far = (middle, far) if inside else (near, middle)
    return far


def waiting_beyond(requester: User, metres: float, *, now: dt.datetime) -> Errand:
    """An open errand so many metres north of that border."""
    place = north(border() + metres)
    return opened(
        requester, now=now, pickup_lat=place.lat, pickup_lng=place.lng, area=area_of(place)
    )


def offered(errand: Errand, runner: User, *, now: dt.datetime) -> Offer:
    """Have ``errand`` offered to the only ``runner`` near it."""
    stand(runner, 100, now=now)
    assert services.match_area(area=errand.area, now=now) == 1
    return Offer.objects.get(errand=errand, runner=runner, state=OfferState.OFFERED)


def offered_together(errands: Sequence[Errand], runner: User, *, now: dt.datetime) -> list[Offer]:
    """Have ``errands`` offered to ``runner`` as a run does that matched them as one bundle."""
    solve = Solve.objects.create(area=errands[0].area, digest="", errands=3, runners=1, took_ms=1)
    terms = tuple({"added_minutes": float(slot)} for slot in range(len(errands)))
    match = Match(runner.pk, tuple(errand.pk for errand in errands), terms)
    known = {errand.pk: errand for errand in errands}
    made = offers_make(matches=[match], errands=known, solve=solve, now=now)
    assert made == len(errands)
    return list(Offer.objects.filter(solve=solve).order_by("slot"))


def told(runner: User) -> list[tuple[int, str, dict[str, Any]]]:
    """Number, type and payload of every message to a runner."""
    rows = RunnerMessage.objects.filter(runner=runner).order_by("sequence")
    return [(row.sequence, row.type, row.payload) for row in rows]
