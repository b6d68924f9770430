"""Offers that wait end unanswered: they expire, or are withdrawn."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from uuid import UUID

from django.conf import settings
from django.db.models import QuerySet
from redis.exceptions import RedisError

from common.db import on_commit, run_in_unit
from common.redis import client
from dispatch.models import Offer, OfferState
from dispatch.services.messages import News, messages_send, turns_take
from dispatch.signals import matching_wanted
from errands.models import Errand

AT_ONCE = 500
KEPT_LONGER_S = 10


def offers_expire(*, now: datetime) -> int:
    """End the offers that nobody answered in time; return how many."""
    return _close_waiting(Offer.objects.filter(expires_at__lte=now), OfferState.EXPIRED, now)


def expiry_is_new(second: int) -> bool:
    """Tell, to one of those who ask, whether offers that end by this second of the epoch are news.

    Without Redis to all: one sweep too many does no harm.
    """
    try:
        key, kept_s = f"dispatch:expiry:{second}", settings.OFFER_LIFE_S + KEPT_LONGER_S
        return bool(client().set(key, 1, nx=True, ex=kept_s))
    except RedisError:
        return True


def offers_withdraw(*, errand_id: UUID, now: datetime) -> int:
    """End the waiting offer of an errand that nobody can take any more.

    What was offered together with it stands.
    """
    return _close_waiting(Offer.objects.filter(errand_id=errand_id), OfferState.WITHDRAWN, now)


def offers_withdraw_from(*, runner_id: UUID, now: datetime) -> int:
    """End the waiting offers to a runner who does not run any more; others are asked."""
    return _close_waiting(Offer.objects.filter(runner_id=runner_id), OfferState.WITHDRAWN, now)


def offers_settle_drop(*, errand_id: UUID, runner_id: UUID, now: datetime) -> int:
    """Note that ``runner_id`` gave an errand back, so that it can be won again.

    Only theirs: by now another runner may have won it.
    """
    theirs = Offer.objects.filter(
        errand_id=errand_id, runner_id=runner_id, state=OfferState.ACCEPTED
    )
    return run_in_unit(lambda: theirs.update(state=OfferState.DROPPED, answered_at=now))


def _close_waiting(offers: QuerySet[Offer], state: OfferState, now: datetime) -> int:
    waiting = list(offers.filter(state=OfferState.OFFERED).order_by("expires_at")[:AT_ONCE])
    return run_in_unit(lambda: len(offers_close(waiting, state, now=now))) if waiting else 0


def offers_close(offers: Iterable[Offer], state: OfferState, *, now: datetime) -> list[Offer]:
    """End waiting offers in the caller's unit; return those that nobody answered meanwhile."""
    known = {offer.pk: offer for offer in offers}
    turns_take(runner_ids=[offer.runner_id for offer in known.values()])
    waiting = Offer.objects.filter(pk__in=list(known), state=OfferState.OFFERED)
    closed = [known[pk] for pk in waiting.order_by("id").values_list("pk", flat=True)]
    if closed:
        waiting.update(state=state, answered_at=now)
        _tell_closed(closed, state)
    return closed


def _tell_closed(closed: Sequence[Offer], state: OfferState) -> None:
    """Two are free again: this errand for other runners, and this runner for other errands."""
    messages_send(
        [
            News(offer.runner_id, "offer.closed", {"offer_id": str(offer.pk), "state": state.value})
            for offer in closed
        ]
    )
    errands = Errand.objects.filter(pk__in=[offer.errand_id for offer in closed])
    for area in set(errands.values_list("area", flat=True)):
        matching_ask(area)


def matching_ask(area: str) -> None:
    """Have ``area`` matched soon after the commit; the sweep does it anyway."""
    on_commit(lambda: matching_wanted.send_robust(sender=Offer, area=area))
