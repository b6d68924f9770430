"""What time does to errands. Every sweep may run twice, late, or beside another one."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from datetime import datetime
from functools import partial
from uuid import UUID

from django.db import DatabaseError

from common.errors import DomainError
from errands.models import Errand, ErrandEvent, Tip
from errands.selectors import totals_held
from errands.services.adding import errand_add
from errands.services.ending import errand_confirm_overdue, errand_lapse
from errands.services.posting import errand_fund
from errands.services.tips import tip_apply
from errands.states import PAID_MOVES, State
from payments.models import Payment, PaymentState
from payments.selectors import escrow_by_subject

logger = logging.getLogger(__name__)

BATCH = 500


def lapse_due(*, now: datetime) -> int:
    """End what was not paid or not matched in time; return how many."""
    due = Errand.objects.filter(
        state__in=[State.AWAITING_PAYMENT, State.OPEN], due_at__lte=now
    ).values_list("pk", flat=True)
    return _each(partial(errand_lapse, errand_id=pk, now=now) for pk in due[:BATCH])


def confirm_overdue(*, now: datetime) -> int:
    """Complete deliveries past their objection window; return how many."""
    due = Errand.objects.filter(state=State.DELIVERED, due_at__lte=now)
    keys = due.values_list("pk", flat=True)[:BATCH]
    return _each(partial(errand_confirm_overdue, errand_id=pk, now=now) for pk in keys)


def apply_paid(*, now: datetime) -> int:
    """Tell errands of payments whose news was lost; return how many.

    Every paid order leaves an event or a tip that carries its number, or was sent back. Until then
    escrow holds more than its errand needs, however long ago the money came.
    """
    held, needed = escrow_by_subject(), totals_held()
    odd = [subject for subject, won in held.items() if won != needed.get(subject, 0)]
    ours = [subject for subject in odd if is_ours(subject)]
    chunks = (ours[start : start + BATCH] for start in range(0, len(ours), BATCH))
    lost = (payment for chunk in chunks for payment in _unheard(chunk))
    return _each(partial(payment_apply, payment=payment, now=now) for payment in lost)


def _unheard(subjects: list[str]) -> list[Payment]:
    """Return their paid orders that no event and no paid tip mentions, the oldest first."""
    paid = Payment.objects.filter(subject__in=subjects, state=PaymentState.DONE, refunded=0)
    payments = list(paid.order_by("id"))
    # Through the errands, whose events have an index; a search in all notes would read them all.
    errands = {UUID(payment.reference.split(":")[1]) for payment in payments}
    moves = ErrandEvent.objects.filter(errand__in=errands, move__in=PAID_MOVES)
    tips = Tip.objects.filter(errand__in=errands, paid_at__isnull=False)
    known = {*moves.values_list("note", flat=True), *tips.values_list("order_id", flat=True)}
    return [payment for payment in payments if payment.order_id not in known]


def is_ours(reference: str) -> bool:
    """Tell whether an order is about an errand."""
    return reference.startswith(("errand:", "tip:"))


def payment_apply(*, payment: Payment, now: datetime) -> None:
    """Open the errand that an order paid for, add to it, or give its tip."""
    prefix, errand, *added = payment.reference.split(":")
    if prefix == "tip":
        tip_apply(payment=payment, now=now)
    elif added:
        word, value = added
        errand_add(
            errand_id=UUID(errand), word=word, value=int(value), order_id=payment.order_id,
            amount=payment.amount, now=now,
        )  # fmt: skip
    else:
        errand_fund(errand_id=UUID(errand), order_id=payment.order_id, now=now)


def _each(works: Iterable[Callable[[], object]]) -> int:
    done = 0
    for work in works:
        try:
            work()
        except (DomainError, DatabaseError) as error:
            # Moved by somebody else since our look: fine. Any other trouble is said, but must
            # not keep the sweep from all the errands that come after it.
            if getattr(error, "code", "") != "illegal_move":
                logger.exception("a sweep left one errand as it was")
        else:
            done += 1
    return done
