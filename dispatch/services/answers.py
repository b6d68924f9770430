"""What runners answer: yes, no, "I take this one", "I can't after all"."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from django.utils.translation import gettext_lazy as _

from accounts.models import RunnerProfile, User
from accounts.selectors import approved_runner
from common.db import in_one_unit
from common.errors import Conflict, NotAllowed, NotFound
from dispatch.matching import MOST_CARRIED
from dispatch.models import Offer, OfferState
from dispatch.selectors import added_minutes, carried_by, visible_errands
from dispatch.services.messages import turn_take
from dispatch.services.offers import offer_close, offers_settle_drop
from errands.models import Errand
from errands.services import errand_accept, errand_drop


@in_one_unit
def offer_accept(*, offer_id: UUID, runner: User, now: datetime) -> Errand:
    """Take an offered errand; the same answer again when it was accepted before.

    Raises:
        NotFound: no such offer to this runner. NotAllowed: may not run now.
        Conflict: ``offer_gone`` with the offer's ``state``; ``hands_full``.
    """
    turn_take(runner_id=runner.pk)
    profile = approved_runner(runner)
    offer = _offer_to(runner, offer_id)
    if offer.state != OfferState.OFFERED or offer.expires_at <= now:
        return _accepted_before(offer)
    _check_hands(profile, offer.errand)
    # The errand first: whoever loses it must not run into the constraint on winners.
    errand = _won(offer.errand_id, runner, now)
    waiting = Offer.objects.filter(pk=offer_id, state=OfferState.OFFERED)
    if not waiting.update(state=OfferState.ACCEPTED, answered_at=now):
        raise _gone(OfferState.WITHDRAWN)
    return errand


def _offer_to(runner: User, offer_id: UUID) -> Offer:
    offer = Offer.objects.filter(pk=offer_id, runner=runner).prefetch_related("errand").first()
    if offer is None:
        raise NotFound
    return offer


def _accepted_before(offer: Offer) -> Errand:
    if offer.state == OfferState.ACCEPTED:
        return offer.errand
    late = offer.state == OfferState.OFFERED
    raise _gone(OfferState.EXPIRED if late else offer.state)


def _gone(state: str) -> Conflict:
    return Conflict("offer_gone", _("This offer is no longer open."), state=state)


def _won(errand_id: UUID, runner: User, now: datetime) -> Errand:
    """The one move that decides; losing it undoes the caller's whole unit."""
    try:
        return errand_accept(errand_id=errand_id, runner=runner, now=now)
    except Conflict as lost:
        if lost.code != "illegal_move":
            raise
        raise _gone(OfferState.WITHDRAWN) from lost


def _check_hands(profile: RunnerProfile, errand: Errand) -> None:
    carried = carried_by([profile.user_id]).get(profile.user_id, [])
    kg = errand.weight_kg + sum(each.weight_kg for each in carried)
    bags = errand.bags + sum(each.bags for each in carried)
    if len(carried) >= MOST_CARRIED or kg > profile.max_kg or bags > profile.max_bags:
        raise Conflict("hands_full", _("You already carry as much as you can."))


@in_one_unit
def offer_decline(*, offer_id: UUID, runner: User, now: datetime, reason: str = "") -> Offer:
    """Refuse an offer; this runner is never offered the errand again.

    Raises:
        NotFound. Conflict: ``offer_gone`` with the offer's ``state``.
    """
    offer = _offer_to(runner, offer_id)
    terms = {**offer.terms, "declined_because": reason} if reason else offer.terms
    if not offer_close(offer, OfferState.DECLINED, now=now, terms=terms):
        offer.refresh_from_db()
        if offer.state != OfferState.DECLINED:
            raise _gone(offer.state)
    offer.state = OfferState.DECLINED
    return offer


@in_one_unit
def errand_claim(*, errand_id: UUID, runner: User, now: datetime) -> Errand:
    """Take an open errand from the list, unless somebody is being asked about it.

    Raises:
        NotFound: not to be seen. NotAllowed: may not run now, or not this kind.
        Conflict: ``off_duty``, ``own_errand``, ``dropped_before``, ``offered_to_another``,
            ``hands_full``, ``offer_gone``.
    """
    # The turn first: while it was waited for, the duty may have ended.
    turn_take(runner_id=runner.pk)
    profile = approved_runner(runner)
    errand = Errand.objects.filter(pk=errand_id).first()
    if errand is not None and errand.runner_id == runner.pk:
        return errand
    if errand is None or errand.opened_at is None:
        raise NotFound
    _check_claim(profile, errand, now)
    _check_hands(profile, errand)
    minutes = round(added_minutes(runner.pk, errand), 1)
    errand = _won(errand_id, runner, now)
    _note_claim(errand, runner, minutes, now)
    return errand


def _check_claim(profile: RunnerProfile, errand: Errand, now: datetime) -> None:
    if not profile.on_duty:
        raise Conflict("off_duty", _("Go on duty first."))
    if errand.requester_id == profile.user_id:
        raise Conflict("own_errand", _("You can't run your own errand."))
    if errand.kind not in profile.kinds:
        raise NotAllowed("kind_not_allowed", _("You are not verified for this kind of errand."))
    if not visible_errands(now).filter(pk=errand.pk).exists():
        raise _gone(OfferState.WITHDRAWN)
    offers = Offer.objects.filter(errand=errand)
    if offers.filter(runner_id=profile.user_id, state=OfferState.DROPPED).exists():
        raise Conflict("dropped_before", _("You gave this errand back before."))
    waiting = offers.filter(state=OfferState.OFFERED).exclude(runner_id=profile.user_id)
    if waiting.exists():
        raise Conflict("offered_to_another", _("Somebody else is being asked right now."))


def _note_claim(errand: Errand, runner: User, minutes: float, now: datetime) -> None:
    """Keep a claim as an offer accepted at once; an offer of it to the same runner serves."""
    mine = Offer.objects.filter(errand=errand, runner=runner, state=OfferState.OFFERED)
    if mine.update(state=OfferState.ACCEPTED, answered_at=now):
        return
    Offer.objects.create(
        errand=errand, runner=runner, state=OfferState.ACCEPTED, pay=errand.reward,
        added_minutes=minutes, terms={"claimed": True, "added_minutes": minutes},
        expires_at=now, answered_at=now, created_at=now,
    )  # fmt: skip


@in_one_unit
def errand_give_back(*, errand_id: UUID, runner: User, reason: str, now: datetime) -> Errand:
    """Give an accepted errand back before its pickup; others are asked, this runner never.

    Raises:
        NotFound. Conflict: ``illegal_move`` with the errand's ``state``.
    """
    turn_take(runner_id=runner.pk)
    errand = errand_drop(errand_id=errand_id, runner=runner, reason=reason, now=now)
    offers_settle_drop(errand_id=errand_id, runner_id=runner.pk, now=now)
    return errand
