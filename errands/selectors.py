"""Every read of errands worth a name."""

from __future__ import annotations

import time
from collections.abc import Iterable
from datetime import UTC, datetime
from functools import lru_cache, partial
from typing import NamedTuple
from uuid import UUID

from django.conf import settings
from django.db.models import Q, QuerySet
from msgspec import Struct

from accounts.models import User
from common import clock
from common.errors import NotFound
from common.geo import REGION, area_around
from common.prepared import Listing, Prepared
from errands.models import (
    AreaCondition,
    Errand,
    ErrandEvent,
    Photo,
    Quote,
    Review,
    Terms,
    Tip,
    term_rows,
)
from errands.policy import FIRST_TERMS
from errands.pricing import queue_blocks
from errands.states import FUNDED, LIVE, Kind, Move, Role, State
from payments.models import Payment

BEGINNING = datetime(2000, 1, 1, tzinfo=UTC)
TERMS_KEPT_S = 60
TOTAL = ("reward", "service_fee", "budget")
AREAS_FROM = 1_000  # errands looked at; a whole table would be read for every page


def terms_at(at: datetime) -> Terms:
    """Return the terms in force at ``at``, as this process has known them for a minute at most.

    Terms can't be written or changed shortly before they begin, so that a minute is not too long.
    """
    begun = (terms for terms in _known_terms() if terms.valid_from <= at)
    return next(begun, None) or Terms(
        valid_from=BEGINNING,
        commission_percent=settings.COMMISSION_PERCENT,
        rows=term_rows(FIRST_TERMS),
    )


def terms_end(at: datetime) -> datetime | None:
    """Return when the terms in force at ``at`` give way to the next; None if none are written."""
    coming = [terms.valid_from for terms in _known_terms() if terms.valid_from > at]
    return min(coming, default=None)


def _known_terms() -> tuple[Terms, ...]:
    return _terms_read(time.monotonic() // TERMS_KEPT_S)


@lru_cache(maxsize=1)
def _terms_read(_minute: float) -> tuple[Terms, ...]:
    """All terms, the newest first: there are a few a year."""
    return tuple(Terms.objects.order_by("-valid_from"))


def terms_forget() -> None:
    """Read the terms anew when they are next asked for."""
    _terms_read.cache_clear()


def bad_weather(*, area: str, now: datetime) -> bool:
    """Tell whether staff have switched bad weather on for the region of ``area``."""
    said = AreaCondition.objects.filter(area=area_around(area, REGION))
    return said.filter(bad_weather_until__gt=now).exists()


def totals_held() -> dict[str, int]:
    """Return the total of every errand whose money escrow holds, by its reference."""
    held = Errand.objects.filter(state__in=sorted(FUNDED)).only(*TOTAL)
    return {each.reference: each.total for each in held}


def total_needed(reference: str) -> dict[str, int]:
    """Return what the errand of that reference needs or may need yet; empty once it is over."""
    prefix, _colon, key = reference.partition(":")
    if prefix != "errand":
        return {}
    live = Errand.objects.filter(pk=key, state__in=sorted(LIVE)).only(*TOTAL)
    return {each.reference: each.total for each in live}


def regions_lately() -> dict[str, str]:
    """Return the regions of the last errands, each with the newest address in it.

    By it people know a region, whose name means nothing to them.
    """
    rows = Errand.objects.order_by("-id").values_list("area", "pickup_address")[:AREAS_FROM]
    known = {area_around(area, REGION): address for area, address in reversed(rows)}
    return dict(sorted(known.items()))


def quote_of(*, quote_id: UUID, requester: User) -> Quote:
    quote = Quote.objects.filter(pk=quote_id, requester=requester).first()
    if quote is None:
        raise NotFound
    return quote


def errands_of(
    *, user: User, role: Role | None = None, state: State | None = None
) -> QuerySet[Errand]:
    """The errands ``user`` asked for or runs; both roles when ``role`` is None."""
    mine = {
        Role.REQUESTER: Q(requester=user),
        Role.RUNNER: Q(runner=user),
        None: Q(requester=user) | Q(runner=user),
    }[role]
    found = Errand.objects.filter(mine).prefetch_related("requester", "runner")
    return found.filter(state=state) if state else found


def errand_seen_by(*, errand_id: UUID, user: User) -> Errand:
    """One errand for its requester or its runner; for others it does not exist."""
    errand = errands_of(user=user).filter(pk=errand_id).first()
    if errand is None:
        raise NotFound
    return errand


def role_in(errand: Errand | ErrandRow, user: User) -> Role:
    return Role.REQUESTER if errand.requester_id == user.id else Role.RUNNER


def events_of(errand: Errand, *, after: int = 0) -> QuerySet[ErrandEvent]:
    """The events that follow number ``after``, in order."""
    return ErrandEvent.objects.filter(errand=errand, sequence__gt=after).order_by("sequence")


def photos_of(errand: Errand) -> QuerySet[Photo]:
    return Photo.objects.filter(errand=errand).order_by("id")


def payment_of(errand: Errand) -> Payment | None:
    """The order that pays for ``errand`` itself; raises have orders of their own."""
    return Payment.objects.filter(reference=errand.reference).first()


class Substitution(NamedTuple):
    """Something else to buy: asked for in event ``sequence``, and what has become of that."""

    sequence: int
    text: str
    state: str  # asked, approved, refused, expired
    expires_at: datetime


def last_substitution(errand: Errand) -> ErrandEvent | None:
    """Return the last event about something else to buy: a question, or the answer to it."""
    return _substitutions(errand).first()


def substitution_of(errand: Errand, *, now: datetime) -> Substitution | None:
    """Return the present runner's last question for something else; None if there was none."""
    if errand.kind != Kind.PURCHASE:
        return None
    last = list(_substitutions(errand)[:2])
    if not last:
        return None
    asked = last[-1] if last[0].move == Move.ANSWER else last[0]
    until = asked.created_at + settings.SUBSTITUTION_LIFE
    waits = "asked" if now < until else "expired"
    state = last[0].reason if last[0].move == Move.ANSWER else waits
    return Substitution(asked.sequence, asked.note, state, until)


def _substitutions(errand: Errand) -> QuerySet[ErrandEvent]:
    said = ErrandEvent.objects.filter(errand=errand, move__in=[Move.ASK, Move.ANSWER])
    # What was said with a runner who gave it back is nothing to the next.
    since = errand.accepted_at or clock.now()
    return said.filter(created_at__gte=since).order_by("-sequence")


class Blocks(NamedTuple):
    """The blocks of a queue; ``next_at`` is when the next may begin, None before the start."""

    paid: int
    begun: int
    next_at: datetime | None
    photos: frozenset[str]  # with which they were begun

    @property
    def unused(self) -> int:
        """Those that were paid and not begun; none before the start, when no count is kept."""
        return max(0, self.paid - self.begun) if self.begun else 0


def blocks_of(errand: Errand) -> Blocks | None:
    """Return how far a queue is; None for other kinds."""
    if errand.kind != Kind.QUEUE:
        return None
    began = ErrandEvent.objects.filter(errand=errand, move__in=[Move.PICK_UP, Move.CHECK_IN])
    events = list(began.order_by("sequence"))
    last = events[-1].created_at if events else None
    return Blocks(
        paid=queue_blocks(errand.expected_minutes),
        begun=len(events),
        next_at=last and last + settings.WAITING_BLOCK,
        photos=frozenset(event.note for event in events[1:]),
    )


def tip_of(errand: Errand) -> int:
    """Return the tip that was paid for ``errand``, in won; 0 if none was."""
    if errand.state != State.COMPLETED:
        return 0
    paid = Tip.objects.filter(errand=errand, paid_at__isnull=False)
    return paid.values_list("amount", flat=True).first() or 0


def reviews_shown(errand: Errand, *, user: User, now: datetime) -> list[Review]:
    """The reviews ``user`` may see: their own, and all once both are given or 7 days passed."""
    reviews = list(Review.objects.filter(errand=errand).order_by("id"))
    over = errand.ended_at is not None and errand.ended_at + settings.REVIEW_HIDDEN <= now
    if len(reviews) == 2 or over:
        return reviews
    return [review for review in reviews if review.author_id == user.pk]


# --- Lists that are asked for all the time --------------------------------------------------


class ErrandRow(Struct):
    """An errand in a list of one's own; columns of the table."""

    id: UUID
    requester_id: UUID
    runner_id: UUID | None
    kind: str
    pickup_lat: float
    pickup_lng: float
    pickup_address: str
    dropoff_lat: float | None
    dropoff_lng: float | None
    dropoff_address: str
    weight_kg: int
    bags: int
    floors: int
    expected_minutes: int
    starts_at: datetime | None
    deadline_at: datetime | None
    lines: list[dict[str, str | int]]
    walking_minutes: float
    state: str
    version: int
    title: str
    note: str
    reward: int
    service_fee: int
    budget: int
    proof: str
    due_at: datetime | None
    opened_at: datetime | None
    accepted_at: datetime | None
    delivered_at: datetime | None
    ended_at: datetime | None
    created_at: datetime


class EventRow(Struct):
    """An event in the list of an errand's; columns of the table."""

    id: UUID
    sequence: int
    move: str
    from_state: str
    to_state: str
    role: str
    reason: str
    note: str
    created_at: datetime


class KeyRow(Struct):
    id: UUID


class PersonRow(Struct):
    id: UUID
    nickname: str


OWN = {
    role: Prepared(partial(errands_of, role=role), ErrandRow, ErrandRow.__struct_fields__)
    for role in (None, Role.REQUESTER, Role.RUNNER)
}
SEEN = Prepared(
    lambda errand, user: errands_of(user=user).filter(pk=errand), KeyRow, KeyRow.__struct_fields__
)
EVENTS = Prepared(events_of, EventRow, EventRow.__struct_fields__)
PEOPLE = Prepared(
    lambda ids: User.objects.filter(pk__in=ids), PersonRow, PersonRow.__struct_fields__
)


def own_errands(*, user: User, role: Role | None, state: State | None) -> Listing[ErrandRow]:
    """The rows of :func:`errands_of`, to be asked for by the page."""
    return Listing(OWN[role], user=user.pk, state=state)


def events_seen_by(*, errand_id: UUID, user: User, after: int) -> Listing[EventRow]:
    """The rows of :func:`events_of`, for those who see the errand, to be asked for by the page."""
    if not SEEN.rows(errand=errand_id, user=user.pk):
        raise NotFound
    return Listing(EVENTS, errand=errand_id, after=after)


def nicknames(ids: Iterable[UUID]) -> dict[UUID, str]:
    """Return what the people with these keys call themselves."""
    wanted = list(set(ids))
    return {person.id: person.nickname for person in PEOPLE.rows(ids=wanted)} if wanted else {}
