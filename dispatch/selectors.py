"""Every read of dispatch worth a name."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db.models import Q, QuerySet
from msgspec import Struct

from accounts.models import RunnerProfile, User
from accounts.selectors import approved_caller, runner_row_of
from common.errors import Unavailable
from common.geo import AREA, SNAP_M, Point, areas_in, box_around, metres_between, snap
from common.prepared import Cut, Listing, Prepared
from dispatch import locations
from dispatch.live import tracked_errand
from dispatch.models import Corridor, Offer, OfferState, TrailPoint
from dispatch.policy import Fix, Load, eta_minutes, minutes_along, route
from errands.models import Errand, ErrandEvent, label_of
from errands.pricing import DOOR_MINUTES
from errands.states import TWO_PLACES, UNDERWAY, Kind, State

MOST_LISTED = 50
ALL_AREAS = (f"8{AREA}", f"8{AREA + 1}")  # names begin with their size
MOST_LOOKED_AT = 1_000
MOST_WALKED, MOST_TRAIL = 500, 5_000  # a point every 3 s for four hours
# What carrying is about; there may be thousands of them.
OF_A_LOAD = (
    "runner_id", "state", "pickup_lat", "pickup_lng", "dropoff_lat", "dropoff_lng", "weight_kg",
    "bags", "expected_minutes", "walking_minutes", "deadline_at", "accepted_at", "created_at",
)  # fmt: skip
PATH = (
    State.OPEN, State.ASSIGNED, State.AT_PICKUP, State.PICKED_UP, State.AT_DROPOFF,
    State.DELIVERED, State.COMPLETED,
)  # fmt: skip


# --- Rows of lists that are asked for all the time; columns of the tables --------------------


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


class OfferRow(Struct):
    id: UUID
    errand_id: UUID
    state: str
    pay: int
    added_minutes: float
    bundle: UUID | None
    bundle_size: int
    expires_at: datetime


class AskedRow(Struct):
    errand_id: UUID
    runner_id: UUID
    state: str


# --- Errands from a runner's side ----------------------------------------------------------


def visible_errands(now: datetime) -> QuerySet[Errand]:
    """Open errands that runners may know of: not lapsed, and not long before their start."""
    return _visible(now, now + settings.SCHEDULE_LEAD)


def _visible(now: datetime, soon: datetime) -> QuerySet[Errand]:
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


def carried_by(ids: Iterable[UUID]) -> dict[UUID, list[Errand]]:
    """Return what each of these runners carries now, in the order of acceptance."""
    carried: dict[UUID, list[Errand]] = defaultdict(list)
    underway = Errand.objects.filter(runner_id__in=list(ids), state__in=UNDERWAY)
    for errand in underway.only(*OF_A_LOAD):
        if errand.runner_id is not None:
            carried[errand.runner_id].append(errand)
    for errands in carried.values():
        errands.sort(key=lambda errand: (errand.accepted_at or errand.created_at, errand.pk))
    return dict(carried)


def corridors_of(ids: Iterable[UUID], *, now: datetime) -> dict[UUID, Corridor]:
    """Return where these runners said that they are going until later than ``now``."""
    declared = Corridor.objects.filter(runner_id__in=list(ids), until__gt=now)
    return {corridor.runner_id: corridor for corridor in declared}


def corridor_on_duty(corridor: Corridor | None, duty_since: datetime | None) -> Corridor | None:
    """Leave out a corridor of an earlier duty: it ended with that, whoever ended it."""
    if corridor is None or duty_since is None or corridor.created_at < duty_since:
        return None
    return corridor


def duty_standing(user: User, *, now: datetime) -> tuple[bool, Corridor | None]:
    """Tell whether ``user`` is on duty, and where they are going anyway."""
    profile = RunnerProfile.objects.filter(user_id=user.pk, on_duty=True).first()
    if profile is None:
        return False, None
    declared = corridors_of([user.pk], now=now)
    return True, corridor_on_duty(declared.get(user.pk), profile.duty_since)


def corridor_view(corridor: Corridor) -> dict[str, Any]:
    """A corridor as its runner sees it, in JSON's own types."""
    return {
        "destination": corridor.destination._asdict(),
        "until": corridor.until.isoformat(),
        "most_added_minutes": corridor.most_added_minutes,
    }


def load_of(errand: Errand) -> Load:
    """Return the places where the runner still has to go for an errand underway."""
    after = () if errand.dropoff is None else (errand.dropoff,)
    left = {
        State.PICKED_UP: after,
        State.AT_DROPOFF: after,
        State.RETURNING: (errand.pickup,),
    }
    return Load(errand.pk, left.get(State(errand.state), (errand.pickup, *after)))


def added_minutes(runner_id: UUID, errand: Errand) -> float:
    """Return the walking minutes that ``errand`` adds to what the runner does anyway."""
    here = locations.positions_of([runner_id]).get(runner_id)
    if here is None:
        return errand.walking_minutes
    loads = [load_of(each) for each in carried_by([runner_id]).get(runner_id, [])]
    alone = minutes_along(here, route(here, loads))
    return minutes_along(here, route(here, [*loads, load_of(errand)])) - alone


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
        **_coarse(errand),
        "pay": errand.reward,
        "walking_minutes": float(round(errand.walking_minutes)),
        "distance_m": round(metres_between(point, snap(errand.pickup))),
    }


def _coarse(errand: Errand | CoarseRow) -> dict[str, Any]:
    """What a runner may know before the errand is theirs: blocks, no addresses."""
    return {
        "errand_id": str(errand.id),
        "kind": errand.kind,
        "title": errand.title,
        "pickup": _block(errand.pickup),
        "dropoff": _block(errand.dropoff),
        "weight_kg": errand.weight_kg,
        "bags": errand.bags,
    }


def _block(point: Point | None) -> dict[str, float] | None:
    return None if point is None else snap(point)._asdict()


# --- Offers --------------------------------------------------------------------------------


def offers_of(runner: User, *, state: OfferState | None = None) -> QuerySet[Offer]:
    """The offers made to ``runner``, claims included."""
    offers = Offer.objects.filter(runner=runner).prefetch_related("errand")
    return offers.filter(state=state) if state else offers


def offered_with(offer: Offer) -> list[Offer]:
    """The offers of the same bundle, in the order of their pickups; else ``offer`` alone."""
    if offer.bundle is None:
        return [offer]
    return list(
        Offer.objects.filter(bundle=offer.bundle).prefetch_related("errand").order_by("slot")
    )


def offer_view(offer: Offer) -> dict[str, Any]:
    """An offer as the runner sees it, in JSON's own types.

    Whole minutes: tenths are metres, and a few offers of one errand, each from another
    corner, would add up to its address.
    """
    return _offered(offer, offer.errand)


def _offered(offer: Offer | OfferRow, errand: Errand | CoarseRow) -> dict[str, Any]:
    doors = DOOR_MINUTES * (1 if errand.dropoff is None else 2)
    return {
        **_coarse(errand),
        "id": str(offer.id),
        "state": str(offer.state),
        "pay": offer.pay,
        "added_minutes": float(round(offer.added_minutes)),
        "total_minutes": float(round(offer.added_minutes) + errand.expected_minutes + doors),
        "bundle": str(offer.bundle) if offer.bundle else None,
        "bundle_size": offer.bundle_size,
        "expires_at": offer.expires_at.isoformat(),
    }


def own_offers(user: User, *, state: str | None) -> Listing[OfferRow]:
    """The rows of :func:`offers_of`, to be asked for by the page.

    Raises:
        NotAllowed: ``not_a_runner``.
    """
    runner_row_of(user)
    return Listing(OFFERS, runner=user.pk, state=state)


def offer_list(offers: Sequence[OfferRow]) -> list[dict[str, Any]]:
    """Show a page of offers as :func:`offer_view` does each."""
    if not offers:
        return []
    found = ERRANDS.rows(ids=list({offer.errand_id for offer in offers}))
    errands = {errand.id: errand for errand in found}
    return [_offered(offer, errands[offer.errand_id]) for offer in offers]


# --- Watching ------------------------------------------------------------------------------


def tracking(token: str, *, now: datetime) -> dict[str, Any]:
    """Return what whoever holds the link may know: state and place, nothing about people.

    Raises:
        NotFound: no such link, or 24 h after the end.
    """
    errand = tracked_errand(token, now=now)
    events = list(ErrandEvent.objects.filter(errand=errand).order_by("sequence"))
    underway = errand.state in UNDERWAY
    fix = _last_fix(errand.runner_id, now) if underway else None
    times = [event.created_at for event in events[-1:]] + ([fix.recorded_at] if fix else [])
    return {
        "kind": errand.kind,
        "state": errand.state,
        "state_label": errand.state_label,
        "progress": _progress(errand, events),
        "pickup": _block(errand.pickup),
        "dropoff": _block(errand.dropoff),
        "position": fix.point._asdict() if fix else None,
        "eta_minutes": _eta(errand, fix) if fix else None,
        "walked": _walked(errand) if underway else [],
        "updated_at": max(times, default=errand.created_at).isoformat(),
        "ended": errand.ended_at is not None,
    }


def _last_fix(runner_id: UUID | None, now: datetime) -> Fix | None:
    """The runner's fresh position; a lost Redis only costs the page its dot."""
    try:
        return None if runner_id is None else locations.last(runner_id, now=now)
    except Unavailable:
        return None


def _eta(errand: Errand, fix: Fix) -> float | None:
    carried = carried_by([errand.runner_id]).get(errand.runner_id, [])
    return eta_minutes(fix.point, [load_of(each) for each in carried], errand.pk)


def _progress(errand: Errand, events: Sequence[ErrandEvent]) -> list[dict[str, Any]]:
    """The main road with the times at which it was walked, then any exit taken from it."""
    reached: dict[str, datetime] = {}
    for event in events:
        # Given back: what was reached before has to be reached again.
        if event.to_state == State.OPEN:
            reached = {}
        reached[event.to_state] = event.created_at
    path = [step for step in PATH if errand.kind in TWO_PLACES or step != State.AT_DROPOFF]
    if errand.state not in path:
        path = [*(step for step in path if step in reached), State(errand.state)]
    return [_step(state, Kind(errand.kind), reached.get(state)) for state in path]


def _step(state: State, kind: Kind, at: datetime | None) -> dict[str, Any]:
    return {
        "state": state.value,
        "label": label_of(state, kind),
        "at": None if at is None else at.isoformat(),
    }


def _walked(errand: Errand) -> list[dict[str, float]]:
    """The way of the present runner so far, thinned to at most 500 points."""
    trail = TrailPoint.objects.filter(errand=errand, runner_id=errand.runner_id)
    points = list(trail.order_by("-recorded_at").values("lat", "lng")[:MOST_TRAIL])
    # Thinned from its end, so that the line always reaches the runner.
    every = -(-len(points) // MOST_WALKED) or 1
    return [{"lat": row["lat"], "lng": row["lng"]} for row in points[::every][::-1]]


def pulse(now: datetime) -> dict[str, int]:
    """How busy it is: three counts; ``now`` in local time tells when today began."""
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    done = Errand.objects.filter(state=State.COMPLETED, ended_at__gte=midnight)
    return {
        "runners_on_duty": RunnerProfile.objects.filter(on_duty=True).count(),
        "errands_underway": Errand.objects.filter(state__in=UNDERWAY).count(),
        "completed_today": done.count(),
    }


# --- Queries that are compiled once ----------------------------------------------------------


def _claimable_around(
    *, now: Any, soon: Any, kinds: Any, areas: Any, runner: Any,
    south: Any, west: Any, north: Any, east: Any,
) -> QuerySet[Errand]:  # fmt: skip
    return _visible(now, soon).filter(
        area__in=areas,  # what the index knows of places
        pickup_lat__range=(south, north),
        pickup_lng__range=(west, east),
        kind__in=kinds,
    ).exclude(requester=runner)  # fmt: skip


def _asked_about(*, errands: Any, runner: Any) -> QuerySet[Offer]:
    dropped = Q(state=OfferState.DROPPED, runner=runner)
    return Offer.objects.filter(Q(state=OfferState.OFFERED) | dropped, errand_id__in=errands)


CLAIMABLE = Prepared(_claimable_around, CoarseRow, CoarseRow.__struct_fields__)
ASKED = Prepared(_asked_about, AskedRow, AskedRow.__struct_fields__)
OFFERS = Prepared(offers_of, OfferRow, OfferRow.__struct_fields__)
ERRANDS = Prepared(
    lambda ids: Errand.objects.filter(pk__in=ids), CoarseRow, CoarseRow.__struct_fields__
)
