"""Batches: one person puts payouts together, another one approves, nobody changes the rows.

A digest over the rows is stored when the batch is made, shown to both, and compared again before
it is approved or written to a file: what the bank gets is what the second person saw.
"""

from __future__ import annotations

import hashlib
import json
from datetime import datetime
from uuid import UUID

from django.conf import settings
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from common.db import in_one_unit
from common.errors import Conflict, Invalid, NotAllowed, NotFound
from payments import ledger
from payments.models import BatchState, Payout, PayoutBatch, PayoutState

FINANCE = "payments.finance"


def check_finance(by: User) -> None:
    """Raise ``finance_only`` unless the person is staff who handle payouts."""
    if not (by.is_active and by.is_staff and by.has_perm(FINANCE)):
        raise NotAllowed("finance_only", _("Only finance staff may do this."))


def reason_said(reason: str) -> str:
    """Return what is kept of a reason that staff have to give; ``reason_missing`` without one."""
    if not reason.strip():
        raise Invalid("reason_missing", _("Say why."), field="reason")
    return reason.strip()[:200]


@in_one_unit
def batch_make(*, by: User, now: datetime) -> PayoutBatch:
    """Put the payouts that wait longest into a batch, ``PAYOUT_BATCH_MOST`` at most.

    Raises:
        NotAllowed: ``finance_only``.
        Conflict: ``no_payouts`` wait.
    """
    check_finance(by)
    waiting = Payout.objects.filter(state=PayoutState.REQUESTED).order_by("id")
    payouts = list(waiting[: settings.PAYOUT_BATCH_MOST])
    if not payouts:
        raise Conflict("no_payouts", _("No payout waits."))
    batch = PayoutBatch.objects.create(
        made_by=by,
        rows=len(payouts),
        net=sum(payout.net for payout in payouts),
        digest=digest_of(payouts),
        created_at=now,
    )
    mine = Payout.objects.filter(
        pk__in=[payout.pk for payout in payouts], state=PayoutState.REQUESTED
    )
    if mine.update(state=PayoutState.BATCHED, batch=batch) != len(payouts):
        raise ledger.RaceLost  # another one took some of them a moment ago
    return batch


@in_one_unit
def batch_approve(*, batch_id: UUID, by: User, now: datetime) -> PayoutBatch:
    """Let the batch be exported; the one who made it may not.

    Raises:
        NotFound; NotAllowed: ``finance_only``, ``same_person``.
        Conflict: ``batch_not_waiting``, ``batch_changed``.
    """
    check_finance(by)
    waiting = PayoutBatch.objects.filter(pk=batch_id, state=BatchState.MADE)
    # Who made it is part of the update itself, whatever a screen has shown.
    if not waiting.exclude(made_by=by).update(
        state=BatchState.APPROVED, approved_by=by, approved_at=now
    ):
        if batch_of(batch_id).made_by_id == by.pk:
            raise NotAllowed("same_person", _("Somebody else has to approve your batch."))
        raise Conflict("batch_not_waiting", _("This batch does not wait for approval."))
    batch = batch_of(batch_id)
    rows_of(batch)
    return batch


@in_one_unit
def batch_cancel(*, batch_id: UUID, by: User, now: datetime) -> PayoutBatch:
    """Give the payouts of a batch that was not approved back to the next one.

    Raises:
        NotFound; NotAllowed: ``finance_only``; Conflict: ``batch_not_waiting``.
    """
    check_finance(by)
    batch = batch_of(batch_id)
    waiting = PayoutBatch.objects.filter(pk=batch_id, state=BatchState.MADE)
    if not waiting.update(state=BatchState.CANCELLED):
        raise Conflict("batch_not_waiting", _("This batch does not wait for approval."))
    Payout.objects.filter(batch=batch, state=PayoutState.BATCHED).update(
        state=PayoutState.REQUESTED, batch=None
    )
    batch.refresh_from_db()
    return batch


def batch_of(batch_id: UUID) -> PayoutBatch:
    """Return the batch; NotFound."""
    batch = PayoutBatch.objects.filter(pk=batch_id).first()
    if batch is None:
        raise NotFound
    return batch


def rows_of(batch: PayoutBatch) -> list[Payout]:
    """Return the payouts in their order; Conflict ``batch_changed`` if the digest differs."""
    payouts = list(Payout.objects.filter(batch=batch).order_by("id"))
    if digest_of(payouts) != batch.digest:
        raise Conflict("batch_changed", _("The rows of this batch are not what was put together."))
    return payouts


def digest_of(payouts: list[Payout]) -> str:
    """Return the SHA-256 (hex) over who gets how much, where; the order counts."""
    rows = [
        [row.reference, row.bank, row.number.reveal(), row.holder, row.gross, row.net]
        for row in payouts
    ]
    return hashlib.sha256(json.dumps(rows, ensure_ascii=False).encode()).hexdigest()
