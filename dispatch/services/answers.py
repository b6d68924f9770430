"""What runners answer: yes, no, "I take this one", "I can't after all"."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from django.utils.translation import gettext_lazy as _

from accounts.models import RunnerProfile, User
from accounts.selectors import approved_runner
from common.db import in_one_unit
from common.errors import Conflict, NotAllowed, NotFound
from dispatch.matching import MOST_CARRIED
from dispatch.models import Offer, OfferState
from dispatch.selectors import added_minutes, carried_by, offered_with, visible_errands
from dispatch.services.closing import offers_close, offers_settle_drop
from dispatch.services.messages import turn_take
from errands.models import Errand
from errands.services import errand_accept, errand_drop


class Accepted(NamedTuple):
    """What accepting brought: the errand asked for, or the next one that was still to be had."""

    errand: Errand
    errand_ids: list[UUID]  # all of the bundle, in the order of their pickups
    gone: list[UUID]  # errands of it that nobody could take any more


@in_one_unit
def offer_accept(*, offer_id: UUID, runner: User, now: datetime) -> Accepted:
    """Take an offered errand, and all that was offered together with it.

    The same answer again when it was accepted before. What is gone from a bundle meanwhile is
    named in the answer, and leaves the rest of it standing.

    Raises:
        NotFound: no such offer to this runner. NotAllowed: may not run now.
        Conflict: ``offer_gone`` with the offer's ``state``; ``hands_full``.
    """
    turn_take(runner_id=runner.pk)
    profile = approved_runner(runner)
    offer = _offer_to(runner, offer_id)
    together = offered_with(offer)
    waiting = [each for each in together if _waits(each, now)]
    if not waiting:
        return _accepted_before(offer, together)
    _check_hands(profile, [each.errand for each in waiting])
    won = _win(waiting, runner, now)
    gone = [each for each in waiting if each.errand_id not in won]
    offers_close(gone, OfferState.WITHDRAWN, now=now)
    return _accepted(offer, won, gone)


def _accepted(offer: Offer, won: Mapping[UUID, Errand], gone: Sequence[Offer]) -> Accepted:
    errand = won.get(offer.errand_id) or next(iter(won.values()))
    return Accepted(errand, list(won), [each.errand_id for each in gone])


def _offer_to(runner: User, offer_id: UUID) -> Offer:
    offer = Offer.objects.filter(pk=offer_id, runner=runner).prefetch_related("errand").first()
    if offer is None:
        raise NotFound
    return offer


def _waits(offer: Offer, now: datetime) -> bool:
    return offer.state == OfferState.OFFERED and offer.expires_at > now


def _accepted_before(offer: Offer, together: Sequence[Offer]) -> Accepted:
    won = {each.errand_id: each.errand for each in together if each.state == OfferState.ACCEPTED}
    if won:
        gone = [each for each in together if each.state == OfferState.WITHDRAWN]
        return _accepted(offer, won, gone)
    late = offer.state == OfferState.OFFERED
    raise _gone(OfferState.EXPIRED if late else offer.state)


def _gone(state: str) -> Conflict:
    return Conflict("offer_gone", _("This offer is no longer open."), state=state)


def _win(offers: Sequence[Offer], runner: User, now: datetime) -> dict[UUID, Errand]:
    """Take the errands that can still be taken, by errand.

    Raises:
        Conflict: ``offer_gone`` when there is none, which undoes the caller's whole unit.
    """
    # The errands first: whoever loses one must not run into the constraint on winners.
    taken = ((offer.errand_id, _take(offer.errand_id, runner, now)) for offer in offers)
    won = {errand_id: errand for errand_id, errand in taken if errand is not None}
    mine = [offer.pk for offer in offers if offer.errand_id in won]
    waiting = Offer.objects.filter(pk__in=mine, state=OfferState.OFFERED)
    if not won or waiting.update(state=OfferState.ACCEPTED, answered_at=now) != len(mine):
        raise _gone(OfferState.WITHDRAWN)
    return won


def _take(errand_id: UUID, runner: User, now: datetime) -> Errand | None:
    """The one move that decides; None when somebody else has the errand, or nobody can have it."""
    try:
        return errand_accept(errand_id=errand_id, runner=runner, now=now)
    except Conflict as lost:
        if lost.code != "illegal_move":
            raise
        return None


def _check_hands(profile: RunnerProfile, errands: Sequence[Errand]) -> None:
    taken = [*carried_by([profile.user_id]).get(profile.user_id, []), *errands]
    kg, bags = sum(each.weight_kg for each in taken), sum(each.bags for each in taken)
    if len(taken) > MOST_CARRIED or kg > profile.max_kg or bags > profile.max_bags:
        raise Conflict("hands_full", _("You already carry as much as you can."))


@in_one_unit
def offer_decline(*, offer_id: UUID, runner: User, now: datetime, reason: str = "") -> Offer:
    """Refuse an offer and all that came with it; these errands are never offered here again.

    Raises:
        NotFound. Conflict: ``offer_gone`` with the offer's ``state``.
    """
    offer = _offer_to(runner, offer_id)
    closed = offers_close(offered_with(offer), OfferState.DECLINED, now=now)
    for each in closed if reason else ():
        terms = {**each.terms, "declined_because": reason}
        Offer.objects.filter(pk=each.pk).update(terms=terms)
    offer.refresh_from_db(fields=["state", "terms"])
    if not closed and offer.state != OfferState.DECLINED:
        raise _gone(offer.state)
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
    _check_hands(profile, [errand])
    minutes = round(added_minutes(runner.pk, errand), 1)
    won = _take(errand_id, runner, now)
    if won is None:
        raise _gone(OfferState.WITHDRAWN)
    _note_claim(won, runner, minutes, now)
    return won


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
