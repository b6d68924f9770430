"""A tip after a good errand: an order of its own, all of it to the runner, once."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from django.conf import settings
from django.db import IntegrityError
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from common.db import in_one_unit, on_commit
from common.errors import Conflict, Invalid
from errands.models import Errand, Tip
from errands.policy import LEAST_TIP, MOST_TIP
from errands.services.moving import errand_of
from errands.signals import tip_given
from errands.states import Role, State
from payments import escrow
from payments.models import PERHAPS, Payment, PaymentState


@in_one_unit
def tip_order_create(*, errand_id: UUID, requester: User, amount: int, now: datetime) -> Payment:
    """Order a tip of so many won; asked again it is the same order, or a new one for the last.

    Raises:
        NotFound; Invalid: ``tip_too_low``, ``tip_too_high``.
        Conflict: ``not_ended`` unless the errand is completed, ``tip_too_late``, ``tip_given``,
            ``payment_in_progress`` while one is perhaps paid.
    """
    errand = errand_of(errand_id=errand_id, user=requester, role=Role.REQUESTER)
    _check_tip(errand, amount, now)
    tip = Tip.objects.filter(errand=errand).first()
    if tip is not None:
        last = _last_order(tip)
        if tip.amount == amount and last.state == PaymentState.READY and last.expires_at > now:
            return last
    order = escrow.order_create(
        reference=errand.tip_reference, subject=errand.tip_reference, payer=requester,
        amount=amount, name=str(_("Tip for an errand")), now=now,
    )  # fmt: skip
    _note(errand, tip, order, now)
    return order


def _check_tip(errand: Errand, amount: int, now: datetime) -> None:
    if errand.state != State.COMPLETED or errand.ended_at is None:
        message = _("A tip can be given once the errand is completed.")
        raise Conflict("not_ended", message, state=errand.state)
    if errand.ended_at + settings.TIP_WINDOW <= now:
        raise Conflict("tip_too_late", _("A tip can be given for 7 days."))
    if amount < LEAST_TIP:
        message = _("The tip is below the least tip.")
        raise Invalid("tip_too_low", message, field="amount", least=LEAST_TIP)
    if amount > MOST_TIP:
        message = _("The tip is above the most we allow.")
        raise Invalid("tip_too_high", message, field="amount", most=MOST_TIP)


def _last_order(tip: Tip) -> Payment:
    """Return the order of an unpaid tip that is not under way."""
    last = Payment.objects.get(order_id=tip.order_id)
    if tip.paid_at is not None or last.state == PaymentState.DONE:
        raise Conflict("tip_given", _("You have given a tip already."))
    if last.state in PERHAPS:
        message = _("Another payment for this order is under way.")
        raise Conflict("payment_in_progress", message, retry_after=30)
    return last


def _note(errand: Errand, tip: Tip | None, order: Payment, now: datetime) -> None:
    said = {"order_id": order.order_id, "amount": order.amount}
    if tip is None:
        try:
            Tip.objects.create(errand=errand, created_at=now, **said)
        except IntegrityError as error:  # asked for twice at once; this unit ends here
            raise _tip_changed() from error
    elif not Tip.objects.filter(pk=tip.pk, order_id=tip.order_id, paid_at=None).update(**said):
        raise _tip_changed()


def _tip_changed() -> Conflict:
    message = _("The tip was changed a moment ago. Please look again.")
    return Conflict("tip_changed", message)


@in_one_unit
def tip_apply(*, payment: Payment, now: datetime) -> None:
    """Give the runner a paid tip, once; what an order brings that does not count goes back."""
    errand_id = UUID(payment.reference.partition(":")[2])
    mine = Tip.objects.filter(errand=errand_id, order_id=payment.order_id)
    if mine.filter(paid_at=None).update(paid_at=now):
        _send_others_back(payment, now)
        errand = Errand.objects.get(pk=errand_id)
        if errand.runner_id is None:
            raise AssertionError(f"{errand.pk} was completed by nobody")
        escrow.settle(
            reference=payment.subject, kind="tip", pay={errand.runner_id: payment.amount},
            commission=0, refund=0, now=now,
        )  # fmt: skip
        on_commit(lambda: tip_given.send_robust(sender=Tip, errand_id=errand_id))
    elif not mine.exists():
        _send_back(payment, now)


def _send_others_back(payment: Payment, now: datetime) -> None:
    # They are held together: what does not count must be gone before the rest is given.
    paid = Payment.objects.filter(subject=payment.subject, state=PaymentState.DONE)
    for other in paid.exclude(pk=payment.pk):
        _send_back(other, now)


def _send_back(payment: Payment, now: datetime) -> None:
    escrow.refund_order(order_id=payment.order_id, reason="another tip counts", now=now)
