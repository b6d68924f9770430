"""Offers are made to one runner at a time, and end unanswered: expired, or withdrawn."""

from __future__ import annotations

from datetime import datetime, timedelta
from uuid import UUID

from django.conf import settings
from django.db import IntegrityError
from django.db.models import QuerySet

from accounts.selectors import on_duty_profiles
from common.db import on_commit, run_in_unit
from dispatch.matching import Match
from dispatch.models import Offer, OfferState, Solve
from dispatch.selectors import offer_view
from dispatch.services.messages import message_send, turn_take
from dispatch.signals import matching_wanted, offer_made
from errands.models import Errand
from errands.states import State

AT_ONCE = 500
NEVER_AGAIN = (OfferState.DECLINED, OfferState.DROPPED)


def offer_make(*, errand: Errand, match: Match, solve: Solve, now: datetime) -> bool:
    """Offer ``errand`` as matched; False when it, or the runner, was taken meanwhile."""
    try:
        return run_in_unit(lambda: _make(errand, match, solve, now))
    except IntegrityError:
        # Another run offered this errand, or something to this runner: its offer stands.
        return False


def _make(errand: Errand, match: Match, solve: Solve, now: datetime) -> bool:
    turn_take(runner_id=match.runner_id)
    unchanged = Errand.objects.filter(pk=errand.pk, state=State.OPEN, version=errand.version)
    if not unchanged.exists() or not _may_be_asked(errand, match.runner_id):
        return False
    offer = Offer.objects.create(
        errand=errand, runner_id=match.runner_id, solve=solve, pay=errand.reward,
        added_minutes=match.terms[0]["added_minutes"], terms=match.terms[0], created_at=now,
        expires_at=now + timedelta(seconds=settings.OFFER_LIFE_S),
    )  # fmt: skip
    shown = {"offer": offer_view(offer)}
    message_send(runner_id=match.runner_id, kind="offer.made", payload=shown)
    news = {"offer_id": offer.pk, "expires_at": offer.expires_at}
    on_commit(lambda: offer_made.send_robust(sender=Offer, **news))
    return True


def _may_be_asked(errand: Errand, runner_id: UUID) -> bool:
    """Ask again what the run asked before it solved: a runner may have answered or left since.

    Safe behind the runner's turn, which every answer and every end of a duty takes first.
    """
    refused = Offer.objects.filter(errand=errand, runner_id=runner_id, state__in=NEVER_AGAIN)
    return bool(on_duty_profiles([runner_id])) and not refused.exists()


def offers_expire(*, now: datetime) -> int:
    """End the offers that nobody answered in time; return how many."""
    return _close_all(Offer.objects.filter(expires_at__lte=now), OfferState.EXPIRED, now)


def offer_expire(*, offer_id: UUID, now: datetime) -> int:
    """End one offer if its time is over."""
    due = Offer.objects.filter(pk=offer_id, expires_at__lte=now)
    return _close_all(due, OfferState.EXPIRED, now)


def offers_withdraw(*, errand_id: UUID, now: datetime) -> int:
    """End the waiting offer of an errand that nobody can take any more."""
    return _close_all(Offer.objects.filter(errand_id=errand_id), OfferState.WITHDRAWN, now)


def offers_withdraw_from(*, runner_id: UUID, now: datetime) -> int:
    """End the waiting offer to a runner who does not run any more; others are asked."""
    return _close_all(Offer.objects.filter(runner_id=runner_id), OfferState.WITHDRAWN, now)


def offers_settle_drop(*, errand_id: UUID, runner_id: UUID, now: datetime) -> int:
    """Note that ``runner_id`` gave an errand back, so that it can be won again.

    Only theirs: by now another runner may have won it.
    """
    theirs = Offer.objects.filter(
        errand_id=errand_id, runner_id=runner_id, state=OfferState.ACCEPTED
    )
    return run_in_unit(lambda: theirs.update(state=OfferState.DROPPED, answered_at=now))


def _close_all(offers: QuerySet[Offer], state: OfferState, now: datetime) -> int:
    waiting = offers.filter(state=OfferState.OFFERED).order_by("expires_at")[:AT_ONCE]
    return sum(_close(offer, state, now) for offer in waiting)


def _close(offer: Offer, state: OfferState, now: datetime) -> bool:
    return run_in_unit(lambda: offer_close(offer, state, now=now))


def offer_close(offer: Offer, state: OfferState, *, now: datetime, **changes: object) -> bool:
    """End a waiting offer in the caller's unit; False when it was answered meanwhile."""
    turn_take(runner_id=offer.runner_id)
    waiting = Offer.objects.filter(pk=offer.pk, state=OfferState.OFFERED)
    if not waiting.update(state=state, answered_at=now, **changes):
        return False
    payload = {"offer_id": str(offer.pk), "state": state.value}
    message_send(runner_id=offer.runner_id, kind="offer.closed", payload=payload)
    # Two are free again: this errand for other runners, and this runner for other errands.
    matching_ask(Errand.objects.values_list("area", flat=True).get(pk=offer.errand_id))
    return True


def matching_ask(area: str) -> None:
    """Have ``area`` matched soon after the commit; the sweep does it anyway."""
    on_commit(lambda: matching_wanted.send_robust(sender=Offer, area=area))
