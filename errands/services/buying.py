"""A purchase: may it be another thing, and what did it cost."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from django.conf import settings
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from common.db import in_one_unit
from common.errors import Conflict, Invalid
from errands.models import Errand, PhotoPurpose
from errands.selectors import last_substitution
from errands.services.moving import By, errand_move, errand_of, target_unless_made
from errands.services.running import require_photo
from errands.states import Move, Role


@in_one_unit
def errand_buy(
    *, errand_id: UUID, runner: User, photo_id: UUID, amount: int, now: datetime
) -> Errand:
    """Say what the goods cost, by a photo of the receipt; said again, the last counts.

    Raises:
        NotFound; Conflict: ``illegal_move``; Invalid: ``photo_required``, ``over_budget``.
    """
    errand = errand_of(errand_id=errand_id, user=runner, role=Role.RUNNER)
    by = By(Role.RUNNER, runner, note=str(amount))
    target_unless_made(errand, Move.BUY, by)
    if errand.spent == amount:
        return errand
    if not 0 < amount <= errand.budget:
        message = _("This is above the budget. The requester has to raise it first.")
        raise Invalid("over_budget", message, field="amount", budget=errand.budget)
    require_photo(errand, runner, photo_id, PhotoPurpose.RECEIPT)
    return errand_move(errand, Move.BUY, by, now=now, spent=amount)[0]


@in_one_unit
def errand_ask(*, errand_id: UUID, runner: User, text: str, now: datetime) -> Errand:
    """Ask for something else than what was ordered; it waits ``SUBSTITUTION_LIFE`` for an answer.

    Raises:
        NotFound; Conflict: ``illegal_move``, ``substitution_open`` while another one waits.
    """
    errand = errand_of(errand_id=errand_id, user=runner, role=Role.RUNNER)
    by = By(Role.RUNNER, runner, note=text)
    target_unless_made(errand, Move.ASK, by)
    last = last_substitution(errand)
    if last is not None and last.move == Move.ASK and _waits(last.created_at, now):
        if last.note == text:
            return errand
        raise Conflict("substitution_open", _("Another question waits for its answer."))
    return errand_move(errand, Move.ASK, by, now=now)[0]


@in_one_unit
def errand_answer(
    *, errand_id: UUID, requester: User, sequence: int, approved: bool, now: datetime
) -> Errand:
    """Approve or refuse what the runner asked for in the event of that number.

    Raises:
        NotFound; Conflict: ``illegal_move``, ``substitution_over`` when that question is
            answered or none, ``substitution_expired``.
    """
    errand = errand_of(errand_id=errand_id, user=requester, role=Role.REQUESTER)
    reason = "approved" if approved else "refused"
    by = By(Role.REQUESTER, requester, reason=reason, note=str(sequence))
    target_unless_made(errand, Move.ANSWER, by)
    last = last_substitution(errand)
    if last is not None and (last.note, last.reason) == (by.note, by.reason):
        return errand
    if last is None or last.move != Move.ASK or last.sequence != sequence:
        raise Conflict("substitution_over", _("This question is answered already."))
    if not _waits(last.created_at, now):
        raise Conflict("substitution_expired", _("The time for an answer is over."))
    return errand_move(errand, Move.ANSWER, by, now=now)[0]


def _waits(asked_at: datetime, now: datetime) -> bool:
    return bool(now < asked_at + settings.SUBSTITUTION_LIFE)
