"""How an errand ends, and where its money goes. Each end and its settlement are one unit."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from django.conf import settings
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from accounts.services import strike_add
from common.db import in_one_unit
from common.errors import Conflict, Invalid, NotFound
from common.geo import Point, metres_between
from common.money import share
from errands.models import Errand, ErrandEvent, Photo, PhotoPurpose
from errands.policy import FULL_REFUND, Fault, Outcome, Reason, fault_of, outcome_of, repays
from errands.pricing import PER_QUEUE_BLOCK, service_fee
from errands.selectors import blocks_of, terms_at
from errands.services.moving import (
    By,
    errand_move,
    errand_of,
    minutes_since_accepted,
    target_unless_made,
)
from errands.services.running import require_photo
from errands.states import FUNDED, Move, Role, State
from payments import escrow

ALL = Outcome(100)


@in_one_unit
def errand_confirm(*, errand_id: UUID, requester: User, now: datetime) -> Errand:
    """The requester is content: the runner is paid."""
    errand = errand_of(errand_id=errand_id, user=requester, role=Role.REQUESTER)
    return _complete(errand, By(Role.REQUESTER, requester), now)


def _complete(errand: Errand, by: By, now: datetime) -> Errand:
    errand, moved = errand_move(errand, Move.CONFIRM, by, now=now)
    if moved:
        settle(errand, Move.CONFIRM, ALL, now=now)
    return errand


@in_one_unit
def errand_object(*, errand_id: UUID, requester: User, note: str, now: datetime) -> Errand:
    """The requester objects to the delivery: the money stays held until staff decide.

    Raises:
        Conflict: ``objection_too_late`` when the 24 h are over, ``illegal_move``.
    """
    errand = errand_of(errand_id=errand_id, user=requester, role=Role.REQUESTER)
    # The sweep that completes it may be late; the runner's 24 h are not.
    if errand.state == State.DELIVERED and errand.due_at is not None and errand.due_at <= now:
        message = _("The 24 hours for an objection are over.")
        raise Conflict("objection_too_late", message, state=errand.state)
    return errand_move(errand, Move.OBJECT, By(Role.REQUESTER, requester, note=note), now=now)[0]


@in_one_unit
def errand_cancel(*, errand_id: UUID, requester: User, note: str, now: datetime) -> Errand:
    """Call an errand off; what the runner gets of the reward is in the terms of its day."""
    errand = errand_of(errand_id=errand_id, user=requester, role=Role.REQUESTER)
    source = State(errand.state)
    by = By(Role.REQUESTER, requester, note=note)
    errand, moved = errand_move(errand, Move.CANCEL, by, now=now)
    if moved and source in FUNDED:
        minutes = minutes_since_accepted(errand, now)
        terms = terms_at(errand.created_at).table
        outcome = outcome_of(Move.CANCEL, source, fault=Fault.NONE, minutes=minutes, terms=terms)
        settle(errand, Move.CANCEL, outcome, now=now)
    return errand


@in_one_unit
def errand_fail(
    *, errand_id: UUID, runner: User, reason: Reason, note: str, photo_id: UUID | None,
    position: Point | None, now: datetime,
) -> Errand:  # fmt: skip
    """Give up without carrying anything; shown not to be the runner's fault, it earns a fee."""
    errand = errand_of(errand_id=errand_id, user=runner, role=Role.RUNNER)
    source = State(errand.state)
    # Nothing is carried yet, or there is one place: the pickup is where it fails.
    fault = _fault(errand, runner, reason, photo_id, is_near(position, errand.pickup))
    by = By(Role.RUNNER, runner, reason=reason, note=note, position=position, fault=fault)
    errand, moved = errand_move(errand, Move.FAIL, by, now=now)
    if moved:
        _end_early(errand, Move.FAIL, source, fault, now)
    return errand


@in_one_unit
def errand_return(
    *, errand_id: UUID, runner: User, reason: Reason, note: str, photo_id: UUID | None,
    position: Point | None, now: datetime,
) -> Errand:  # fmt: skip
    """Set out to bring the goods back. The evidence of this moment decides what it earns."""
    errand = errand_of(errand_id=errand_id, user=runner, role=Role.RUNNER)
    # By the destination, not by the place ahead: that is the pickup again when this is repeated.
    fault = _fault(errand, runner, reason, photo_id, is_near(position, errand.dropoff))
    by = By(Role.RUNNER, runner, reason=reason, note=note, position=position, fault=fault)
    return errand_move(errand, Move.RETURN, by, now=now)[0]


@in_one_unit
def errand_hand_back(
    *, errand_id: UUID, runner: User, photo_id: UUID | None, position: Point | None, now: datetime
) -> Errand:
    """The goods are back where they came from: settle by the evidence given on turning round."""
    errand = errand_of(errand_id=errand_id, user=runner, role=Role.RUNNER)
    source = State(errand.state)
    by = By(Role.RUNNER, runner, position=position)
    target_unless_made(errand, Move.HAND_BACK, by)
    require_photo(errand, runner, photo_id, PhotoPurpose.INCIDENT)
    errand, moved = errand_move(errand, Move.HAND_BACK, by, now=now)
    if moved:
        # Whose doing it was is known since the turn, and stands before the colon of its note.
        turned = ErrandEvent.objects.get(errand=errand, move=Move.RETURN)
        _end_early(errand, Move.HAND_BACK, source, Fault(turned.fault), now)
    return errand


def _fault(
    errand: Errand, runner: User, reason: Reason, photo_id: UUID | None, at_place: bool
) -> Fault:
    incidents = Photo.objects.filter(errand=errand, uploader=runner, purpose=PhotoPurpose.INCIDENT)
    has_photo = photo_id is not None and incidents.filter(pk=photo_id).exists()
    return fault_of(reason, has_photo=has_photo, at_place=at_place)


def is_near(position: Point | None, place: Point | None) -> bool:
    """Tell whether a position was given and lies in the geofence of ``place``."""
    if position is None or place is None:
        return False
    return metres_between(position, place) <= settings.GEOFENCE_M


def _end_early(errand: Errand, move: Move, source: State, fault: Fault, now: datetime) -> None:
    minutes, terms = minutes_since_accepted(errand, now), terms_at(errand.created_at).table
    outcome = outcome_of(move, source, fault=fault, minutes=minutes, terms=terms)
    settle(errand, move, outcome, now=now)
    if outcome.strike and errand.runner is not None:
        strike_add(runner=errand.runner, reference=errand.reference, reason=move, now=now)


@in_one_unit
def errand_stop(
    *, errand_id: UUID, staff: User, reason: str, now: datetime, repay: bool = True
) -> Errand:
    """Staff end a live errand, always with a reason; everything goes back to the requester.

    But not what the runner laid out for goods, unless staff don't believe the receipt (``repay``).
    """
    errand = _for_staff(errand_id, reason)
    funded = errand.state in FUNDED
    by = By(Role.STAFF, staff, note=reason)
    errand, moved = errand_move(errand, Move.STOP, by, now=now)
    if moved and funded:
        settle(errand, Move.STOP, FULL_REFUND, now=now, repay=repay)
    return errand


@in_one_unit
def errand_resolve(
    *, errand_id: UUID, staff: User, runner_percent: int, reason: str, now: datetime,
    repay: bool | None = None,
) -> Errand:  # fmt: skip
    """Staff decide a dispute: ``runner_percent`` of the reward to the runner, the rest back.

    Goods are repaid to a runner who gets anything, unless ``repay`` says otherwise. All of the
    reward to the requester makes the errand refunded, anything else completed.
    """
    if not 0 <= runner_percent <= 100:
        message = _("The runner's share is 0 to 100 percent.")
        raise Invalid("bad_share", message, field="runner_percent")
    errand = _for_staff(errand_id, reason)
    wanted = State.COMPLETED if runner_percent else State.REFUNDED
    by = By(Role.STAFF, staff, note=f"{runner_percent} %: {reason}")
    errand, moved = errand_move(errand, Move.RESOLVE, by, now=now, wanted=wanted)
    if moved:
        settle(errand, Move.RESOLVE, Outcome(runner_percent), now=now, repay=repay)
    return errand


def _for_staff(errand_id: UUID, reason: str) -> Errand:
    if not reason.strip():
        raise Invalid("reason_required", _("Please write a reason."), field="reason")
    errand = Errand.objects.filter(pk=errand_id).first()
    if errand is None:
        raise NotFound
    return errand


@in_one_unit
def errand_lapse(*, errand_id: UUID, now: datetime) -> Errand:
    """The clock ends an errand that nobody paid for in time, or that found no runner."""
    errand = Errand.objects.get(pk=errand_id)
    # The sweep looked some time ago: it may have been paid or taken since.
    if errand.due_at is None or errand.due_at > now:
        return errand
    funded = errand.state in FUNDED
    errand, moved = errand_move(errand, Move.LAPSE, By(Role.CLOCK), now=now)
    if moved and funded:
        settle(errand, Move.LAPSE, FULL_REFUND, now=now)
    return errand


@in_one_unit
def errand_confirm_overdue(*, errand_id: UUID, now: datetime) -> Errand:
    """The clock confirms a delivery that nobody objected to for 24 hours."""
    errand = Errand.objects.get(pk=errand_id)
    if errand.due_at is None or errand.due_at > now:
        return errand
    return _complete(errand, By(Role.CLOCK), now)


class Split(NamedTuple):
    """Who gets what of the money that escrow holds for an errand, in won."""

    pay: int
    commission: int
    refund: int
    expenses: int = 0  # of the runner, for goods: outside commission and tax


def settle(
    errand: Errand, move: Move, outcome: Outcome, *, now: datetime, repay: bool | None = None
) -> None:
    """Split all that escrow holds for ``errand``: runner, commission on that, the rest back."""
    split = split_of(errand, move, outcome, repay=repay)
    escrow.settle(
        reference=errand.reference,
        kind=str(move),
        pay={errand.runner_id: split.pay} if errand.runner_id and split.pay else {},
        commission=split.commission,
        refund=split.refund,
        expenses={errand.runner_id: split.expenses} if errand.runner_id and split.expenses else {},
        now=now,
    )


def _earned(errand: Errand) -> int:
    """Return the reward without the blocks of a queue that were not begun."""
    blocks = blocks_of(errand)
    return errand.reward - blocks.unused * PER_QUEUE_BLOCK if blocks else errand.reward


def split_of(errand: Errand, move: Move, outcome: Outcome, *, repay: bool | None = None) -> Split:
    """Work out, without moving anything, what ``outcome`` of ``move`` gives to whom.

    ``repay`` is what staff decided on the goods of a purchase; else the rule does.
    """
    pay = share(_earned(errand), outcome.runner_percent) if errand.runner_id else 0
    # What is refunded is the rest of what is held, not of the price: a raise that was paid but
    # came too late to count is held too.
    commission = service_fee(pay, percent=terms_at(errand.created_at).commission_percent)
    # The fee of the whole was fixed on posting, perhaps before there were terms with a date.
    commission = min(commission, errand.service_fee)
    held = escrow.escrow_held(errand.reference)
    repaid = repays(move, outcome) if repay is None else repay
    expenses = (errand.spent or 0) if errand.runner_id and repaid else 0
    return Split(pay, commission, held - pay - commission - expenses, expenses)
