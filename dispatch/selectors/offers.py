"""Offers as their runner sees them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from django.db.models import QuerySet
from msgspec import Struct

from accounts.models import User
from accounts.selectors import runner_row_of
from common.prepared import Listing, Prepared
from dispatch.models import Offer, OfferState
from dispatch.selectors.waiting import ERRANDS, CoarseRow, coarse
from errands.models import Errand
from errands.pricing import DOOR_MINUTES

NEVER_AGAIN = (OfferState.DECLINED, OfferState.DROPPED)
OF_INTEREST = (*NEVER_AGAIN, OfferState.EXPIRED, OfferState.OFFERED)


class Answer(NamedTuple):
    """What has become of an offer so far."""

    errand_id: UUID
    runner_id: UUID
    state: str


class OfferRow(Struct):
    id: UUID
    errand_id: UUID
    state: str
    pay: int
    added_minutes: float
    bundle: UUID | None
    bundle_size: int
    expires_at: datetime


def answers_about(errand_ids: Iterable[UUID]) -> list[Answer]:
    """The offers of these errands that wait, or came to nothing."""
    return ANSWERS.rows(errands=list(errand_ids))


def errands_asked(ids: Iterable[UUID]) -> set[UUID]:
    """Those of these errands about which somebody is being asked now."""
    return set(ERRANDS_ASKED.rows(errands=list(ids)))


def runners_asked(ids: Iterable[UUID]) -> set[UUID]:
    """Those of these runners who are being asked about something now."""
    return set(RUNNERS_ASKED.rows(runners=list(ids)))


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
        **coarse(errand),
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


OFFERS = Prepared(offers_of, OfferRow, OfferRow.__struct_fields__)  # compiled once
ANSWERS = Prepared(
    lambda errands: Offer.objects.filter(errand_id__in=errands, state__in=OF_INTEREST),
    Answer,
    Answer._fields,
)
WAITING = Offer.objects.filter(state=OfferState.OFFERED)
ERRANDS_ASKED = Prepared(
    lambda errands: WAITING.filter(errand_id__in=errands), lambda pk: pk, ["errand_id"]
)
RUNNERS_ASKED = Prepared(
    lambda runners: WAITING.filter(runner_id__in=runners), lambda pk: pk, ["runner_id"]
)
