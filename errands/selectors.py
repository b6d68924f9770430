"""Every read of errands worth a name."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from django.conf import settings
from django.db.models import Q, QuerySet

from accounts.models import User
from common.errors import NotFound
from common.geo import REGION, area_around
from errands.models import AreaCondition, Errand, ErrandEvent, Photo, Quote, Review
from errands.states import Role, State
from payments.models import Payment

AREAS_FROM = 1_000  # errands looked at; a whole table would be read for every page


def bad_weather(*, area: str, now: datetime) -> bool:
    """Tell whether staff have switched bad weather on for the region of ``area``."""
    said = AreaCondition.objects.filter(area=area_around(area, REGION))
    return said.filter(bad_weather_until__gt=now).exists()


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


def role_in(errand: Errand, user: User) -> Role:
    return Role.REQUESTER if errand.requester_id == user.pk else Role.RUNNER


def events_of(errand: Errand, *, after: int = 0) -> QuerySet[ErrandEvent]:
    """The events that follow number ``after``, in order."""
    return ErrandEvent.objects.filter(errand=errand, sequence__gt=after).order_by("sequence")


def photos_of(errand: Errand) -> QuerySet[Photo]:
    return Photo.objects.filter(errand=errand).order_by("id")


def payment_of(errand: Errand) -> Payment | None:
    """The order that pays for ``errand`` itself; raises have orders of their own."""
    return Payment.objects.filter(reference=errand.reference).first()


def reviews_shown(errand: Errand, *, user: User, now: datetime) -> list[Review]:
    """The reviews ``user`` may see: their own, and all once both are given or 7 days passed."""
    reviews = list(Review.objects.filter(errand=errand).order_by("id"))
    over = errand.ended_at is not None and errand.ended_at + settings.REVIEW_HIDDEN <= now
    if len(reviews) == 2 or over:
        return reviews
    return [review for review in reviews if review.author_id == user.pk]
