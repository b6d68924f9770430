"""From a question about the price to an errand that runners can see."""

from __future__ import annotations

import secrets
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import IntegrityError
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from common.db import in_one_unit
from common.errors import Conflict, Invalid, NotFound
from common.geo import Point, area_of, walking_metres, walking_minutes
from errands import pricing
from errands.models import Errand, ProofKind, Quote
from errands.policy import MOST_BUDGET
from errands.selectors import bad_weather, terms_at, terms_end
from errands.services.moving import (
    By,
    errand_move,
    record,
    unmatched_until,
)
from errands.states import TWO_PLACES, Kind, Move, Role, State
from payments import escrow

LONGEST_WALK_M = 5_000
LONGEST_AHEAD = timedelta(days=7)
MAX_REWARD = 300_000


@in_one_unit
def quote_create(
    *,
    requester: User,
    kind: Kind,
    pickup: Point,
    dropoff: Point | None,
    now: datetime,
    **asked: Any,
) -> Quote:
    """Price an errand; the quote stands for 15 minutes, or until other terms begin.

    Raises:
        Invalid: a second place missing or too many, places too far apart to walk, times that
            contradict each other, a budget too high or for another kind than a purchase.
    """
    _check_places(kind, pickup, dropoff)
    _check_budget(kind, asked.get("budget", 0))
    _check_times(asked.get("starts_at"), asked.get("deadline_at"), now)
    minutes = walking_minutes(pickup, dropoff) if dropoff else 0.0
    quote = Quote(
        requester=requester, kind=kind, pickup_lat=pickup.lat, pickup_lng=pickup.lng,
        dropoff_lat=dropoff and dropoff.lat, dropoff_lng=dropoff and dropoff.lng,
        walking_minutes=round(minutes, 1), expires_at=_stands_until(now), created_at=now,
        **asked,
    )  # fmt: skip
    found = pricing.price(_priced(quote, now))
    quote.lines = [line._asdict() for line in found.lines]
    quote.reward_floor = found.reward_floor
    quote.total_minutes = round(found.total_minutes, 1)
    quote.save(force_insert=True)
    return quote


def _stands_until(now: datetime) -> datetime:
    # What it says of the fee has to be true on the day of posting.
    latest: datetime = now + settings.QUOTE_LIFE
    return min(latest, terms_end(now) or latest)


def _priced(quote: Quote, now: datetime) -> pricing.Asked:
    return pricing.Asked(
        kind=Kind(quote.kind),
        walking_minutes=quote.walking_minutes,
        expected_minutes=quote.expected_minutes,
        weight_kg=quote.weight_kg,
        bags=quote.bags,
        floors=quote.floors,
        at=quote.starts_at or now,
        bad_weather=bad_weather(area=area_of(quote.pickup), now=now),
    )


def _check_places(kind: Kind, pickup: Point, dropoff: Point | None) -> None:
    if kind in TWO_PLACES and dropoff is None:
        raise Invalid("dropoff_missing", _("Where should it be brought?"), field="dropoff")
    if kind not in TWO_PLACES and dropoff is not None:
        raise Invalid("dropoff_unused", _("This kind of errand has one place."), field="dropoff")
    if dropoff is not None and walking_metres(pickup, dropoff) > LONGEST_WALK_M:
        message = _("The two places are more than 5 km apart on foot.")
        raise Invalid("too_far", message, field="dropoff")


def _check_budget(kind: Kind, budget: int) -> None:
    if budget and kind != Kind.PURCHASE:
        message = _("Only a purchase has a budget.")
        raise Invalid("budget_unused", message, field="budget")
    check_budget(budget)


def check_budget(budget: int) -> None:
    """Raise ``budget_too_high`` above what we hold for goods."""
    if budget > MOST_BUDGET:
        message = _("The budget is above the most we allow.")
        raise Invalid("budget_too_high", message, field="budget", budget_ceiling=MOST_BUDGET)


def _check_times(starts_at: datetime | None, deadline_at: datetime | None, now: datetime) -> None:
    for field, at in (("starts_at", starts_at), ("deadline_at", deadline_at)):
        if at is not None and not now < at <= now + LONGEST_AHEAD:
            message = _("The time must lie within the next 7 days.")
            raise Invalid("time_out_of_range", message, field=field)
    if starts_at and deadline_at and deadline_at <= starts_at:
        message = _("The deadline must be after the start.")
        raise Invalid("deadline_before_start", message, field="deadline_at")


@in_one_unit
def errand_post(
    *, requester: User, quote_id: UUID, reward: int, title: str, note: str, proof: ProofKind,
    ask_pickup_pin: bool, now: datetime,
) -> Errand:  # fmt: skip
    """Post an errand at a live quote's price, together with the order that pays for it.

    Raises:
        NotFound: no such quote of this requester.
        Conflict: ``quote_expired`` or ``quote_used``.
        Invalid: ``reward_too_low``, ``reward_too_high``.
    """
    quote = _live_quote(requester, quote_id, now)
    check_reward(reward, least=quote.reward_floor)
    errand = Errand(
        **{name: getattr(quote, name) for name in Quote.ASKED},
        requester=requester, quote=quote, title=title, note=note, proof=proof,
        area=area_of(quote.pickup), lines=quote.lines, reward=reward,
        service_fee=fee_of(reward, now),
        walking_minutes=quote.walking_minutes,
        pickup_pin=_new_pin() if ask_pickup_pin else "",
        dropoff_pin=_new_pin() if proof == ProofKind.PIN else "",
        due_at=now + settings.PAYMENT_LIFE, created_at=now,
    )  # fmt: skip
    _insert(errand)
    record(errand, Move.POST, By(Role.REQUESTER, requester), source="", now=now)
    escrow.order_create(
        reference=errand.reference,
        subject=errand.reference,
        payer=requester,
        amount=errand.total,
        name=_("%(kind)s errand") % {"kind": errand.get_kind_display()},
        now=now,
    )
    return errand


def _live_quote(requester: User, quote_id: UUID, now: datetime) -> Quote:
    quote = Quote.objects.filter(pk=quote_id, requester=requester).first()
    if quote is None:
        raise NotFound(message=_("There is no such quote."))
    if Errand.objects.filter(quote=quote).exists():
        raise _quote_used()
    if quote.expires_at <= now:
        raise Conflict("quote_expired", _("The quote has expired. Please ask for a new one."))
    return quote


def _quote_used() -> Conflict:
    return Conflict("quote_used", _("This quote was used already."))


def _insert(errand: Errand) -> None:
    try:
        errand.save(force_insert=True)
    except IntegrityError as error:  # posted at once from the same quote; this unit ends here
        raise _quote_used() from error


def check_reward(reward: int, *, least: int) -> None:
    """Raise ``reward_too_low`` or ``reward_too_high``."""
    if reward < least:
        message = _("The reward is below the least reward for this errand.")
        raise Invalid("reward_too_low", message, field="reward", reward_floor=least)
    if reward > MAX_REWARD:
        message = _("The reward is above the most we allow.")
        raise Invalid("reward_too_high", message, field="reward", reward_ceiling=MAX_REWARD)


def fee_of(reward: int, posted_at: datetime) -> int:
    """Return the service fee on ``reward`` by the terms of that day, in won."""
    return pricing.service_fee(reward, percent=terms_at(posted_at).commission_percent)


def _new_pin() -> str:
    return f"{secrets.randbelow(10_000):04}"


@in_one_unit
def errand_fund(*, errand_id: UUID, order_id: str, now: datetime) -> Errand:
    """Open a paid errand to runners; if it is over already, the money goes back."""
    errand = Errand.objects.get(pk=errand_id)
    if errand.state != State.AWAITING_PAYMENT:
        # Opened once, it was opened by this very order: the news came twice.
        if errand.opened_at is None:
            send_back(errand, order_id, now)
        return errand
    errand, _moved = errand_move(
        errand, Move.FUND, By(Role.PAYMENTS, note=order_id), now=now,
        opened_at=now, due_at=unmatched_until(errand, now),
    )  # fmt: skip
    return errand


def send_back(errand: Errand, order_id: str, now: datetime) -> None:
    """Return what an order brought that no longer fits.

    A settlement that came before the news of it has returned it, through other orders perhaps.
    """
    if not escrow.is_settled(errand.reference) or escrow.escrow_held(errand.reference):
        escrow.refund_order(order_id=order_id, reason="errand is over", now=now)
