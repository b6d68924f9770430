"""Money back by the hand of staff: with a reason, alone up to a limit a day, above it in twos.

Whose money it is follows from where it is. What escrow holds and nobody needs any more is the
payer's own. What was settled is the runner's, who earned it: then the platform pays, out of its
commission. What a live errand still needs is not given back here: its price would no longer be
what was agreed, and to end it is a move of its own.
"""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from django.conf import settings
from django.db import IntegrityError
from django.db.models import F
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from common.db import in_one_unit
from common.errors import Conflict, Invalid, NotAllowed, NotFound
from payments import audit, escrow, ledger
from payments.models import Payment, PaymentState, RefundDay, StaffRefund, StaffRefundState
from payments.payouts import check_finance, reason_said

GIVE = "payments.give_refund"
S = StaffRefundState


@in_one_unit
def staff_refund_ask(
    *, order_id: str, amount: int, seen: int, reason: str, by: User, now: datetime
) -> StaffRefund:
    """Give ``amount`` of a paid order back, or have it wait where it passes the person's limit.

    ``seen`` is what had been refunded when the person decided: if that has changed, it is another
    question. So the same refund is given once however often it is sent.

    Raises:
        NotFound; NotAllowed: ``refund_not_allowed``, ``own_order``.
        Invalid: ``reason_missing``; ``amount_out_of_range`` (``most`` is what is left of it).
        Conflict: ``not_paid``, ``refund_changed``, ``refund_waits``, ``money_needed``.
    """
    if not (by.is_active and by.is_staff and by.has_perm(GIVE)):
        raise NotAllowed("refund_not_allowed", _("You may not give money back."))
    payment = _payment(order_id, amount, seen)
    _check_not_own(payment, by)
    refund = StaffRefund(
        key=f"{order_id}:{seen}",
        payment=payment,
        seen=seen,
        amount=amount,
        reason=reason_said(reason),
        asked_by=by,
        created_at=now,
    )
    if within_limit(by, amount, now=now):
        refund.state, refund.source = S.GIVEN, _give(refund, payment, now)
    _insert(refund)
    return refund


@in_one_unit
def staff_refund_decide(*, refund_id: UUID, grant: bool, by: User, now: datetime) -> StaffRefund:
    """Give a waiting refund back or refuse it; who asked for it may not.

    Raises:
        NotFound; NotAllowed: ``finance_only``, ``same_person``, ``own_order``.
        Conflict: ``refund_decided``, ``refund_changed``, ``money_needed``.
    """
    check_finance(by)
    waiting = StaffRefund.objects.filter(pk=refund_id, state=S.WAITING).exclude(asked_by=by)
    moved = waiting.update(state=S.GIVEN if grant else S.REFUSED, decided_by=by, decided_at=now)
    refund = StaffRefund.objects.filter(pk=refund_id).prefetch_related("payment").first()
    if refund is None:
        raise NotFound
    if not moved:
        if refund.state == S.WAITING:
            raise NotAllowed("same_person", _("Somebody else has to decide on what you asked for."))
        raise Conflict("refund_decided", _("This was decided already."))
    _check_not_own(refund.payment, by)
    # What was refused may be asked for again.
    changed = {"source": _give(refund, refund.payment, now)} if grant else {"key": refund.pk.hex}
    StaffRefund.objects.filter(pk=refund.pk).update(**changed)
    refund.refresh_from_db()
    return refund


def limit_of(person: User) -> int:
    """Return what the person may give back alone in a day, in won: the most of their roles.

    A role is a group, ``STAFF_REFUND_LIMITS`` says how much. Superusers have the greatest.
    """
    limits: dict[str, int] = settings.STAFF_REFUND_LIMITS
    if person.is_superuser:
        return max(limits.values(), default=0)
    roles = person.groups.values_list("name", flat=True)
    return max((limits.get(role, 0) for role in roles), default=0)


def within_limit(person: User, amount: int, *, now: datetime) -> bool:
    """Count ``amount`` towards the person's day, in the caller's unit; False if it is too much."""
    limit = limit_of(person)
    if amount > limit:
        return False
    day = timezone.localdate(now, timezone.get_default_timezone())
    mine = RefundDay.objects.filter(person=person, day=day)
    # The limit is part of the update: between a sum and a write others would fit.
    if mine.filter(spent__lte=limit - amount).update(spent=F("spent") + amount):
        return True
    if mine.exists():
        return False
    try:
        RefundDay.objects.create(person=person, day=day, spent=amount, created_at=now)
    except IntegrityError as error:  # the day's first one, by a request of a moment ago
        raise ledger.RaceLost from error
    return True


def _payment(order_id: str, amount: int, seen: int) -> Payment:
    payment = Payment.objects.filter(order_id=order_id).first()
    if payment is None:
        raise NotFound
    if payment.state != PaymentState.DONE:
        raise Conflict("not_paid", _("This order is not paid."))
    if payment.refunded != seen:
        raise _changed()
    left = payment.amount - payment.refunded
    if not 0 < amount <= left:
        message = _("So much is not left of this order.")
        raise Invalid("amount_out_of_range", message, field="amount", most=left)
    return payment


def _check_not_own(payment: Payment, by: User) -> None:
    if payment.payer_id == by.pk:
        raise NotAllowed("own_order", _("You paid this yourself: somebody else has to decide."))


def _insert(refund: StaffRefund) -> None:
    waits = Conflict("refund_waits", _("This was asked for already, and waits for a decision."))
    if StaffRefund.objects.filter(key=refund.key).exists():
        raise waits
    try:
        refund.save(force_insert=True)
    except IntegrityError as error:  # asked for a moment ago: this unit ends here
        raise waits from error


def _give(refund: StaffRefund, payment: Payment, now: datetime) -> str:
    """Move the money towards the payer, and return the account that it came from."""
    if payment.refunded != refund.seen:
        raise _changed()
    source = _source(payment, refund.amount, now)
    reference = f"refund:{payment.order_id}:staff:{refund.seen}"
    try:
        escrow.refund_part(
            payment=payment, amount=refund.amount, source=source, kind="refund_staff",
            reference=reference, reason=refund.reason, now=now,
        )  # fmt: skip
    except ledger.Insufficient as error:  # settled in between: the next look finds that
        raise ledger.RaceLost from error
    except ledger.AlreadyPosted as error:
        raise _changed() from error
    return source


def _source(payment: Payment, amount: int, now: datetime) -> str:
    if audit.unclaimed(payment.subject, now=now) >= amount:
        return ledger.escrow_account(payment.subject)
    if escrow.is_settled(payment.subject):
        return ledger.COMMISSION
    message = _("What this was paid for still needs the money. End that first.")
    raise Conflict("money_needed", message)


def _changed() -> Conflict:
    message = _("Something was refunded in the meantime. Please look again.")
    return Conflict("refund_changed", message)
