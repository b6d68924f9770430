"""A payment company that moves no money, for development, robots and tests."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta

from django.db.models import QuerySet
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from payments.gateways import Declined, Found, Receiver, Settlement, Status, Window
from payments.models import Payment, PaymentState, Refund, RefundState


class SandboxGateway:
    """Answers by the payment key alone, so that the same question has the same answer.

    ``sandbox_decline…`` is declined, other ``sandbox_…`` are accepted, anything else is unknown.
    """

    def confirm(
        self,
        *,
        payment_key: str,
        order_id: str,
        amount: int,
        idempotency_key: str,
        timeout_s: float,
    ) -> Found:
        if payment_key.startswith("sandbox_decline"):
            raise Declined
        self._check(payment_key)
        return Found(payment_key=payment_key, order_id=order_id, status=Status.DONE, amount=amount)

    def cancel(
        self,
        *,
        payment_key: str,
        amount: int,
        reason: str,
        idempotency_key: str,
        timeout_s: float,
        receiver: Receiver | None = None,
    ) -> None:
        self._check(payment_key)

    def find(self, *, payment_key: str, timeout_s: float) -> Found | None:
        """It remembers nothing, so that every payment may be confirmed (again)."""
        return None

    def find_order(self, *, order_id: str, timeout_s: float) -> Found | None:
        return None

    def settlements(self, *, day: date, timeout_s: float) -> list[Settlement]:
        """What our own books have of that day; it takes no fee and pays out at once."""
        since = datetime.combine(day, time.min, timezone.get_default_timezone())
        span = (since, since + timedelta(days=1))
        return [
            *(_line(payment, payment.amount, day) for payment in _paid(*span)),
            *(_line(refund.payment, -refund.amount, day) for refund in _sent(*span)),
        ]

    def window(self) -> Window:
        """None is needed: any key that it accepts will do."""
        return Window(company="sandbox")

    def _check(self, payment_key: str) -> None:
        if not payment_key.startswith("sandbox_"):
            raise Declined("payment_key_unknown", _("The payment company knows no such payment."))


def _paid(since: datetime, until: datetime) -> QuerySet[Payment]:
    paid = Payment.objects.filter(paid_at__gte=since, paid_at__lt=until)
    return paid.filter(state=PaymentState.DONE).order_by("paid_at")


def _sent(since: datetime, until: datetime) -> QuerySet[Refund]:
    sent = Refund.objects.filter(done_at__gte=since, done_at__lt=until)
    return sent.filter(state=RefundState.DONE).prefetch_related("payment").order_by("done_at")


def _line(payment: Payment, amount: int, day: date) -> Settlement:
    """``amount`` is negative for what was sent back."""
    return Settlement(
        order_id=payment.order_id,
        payment_key=payment.payment_key,
        kind="payment" if amount > 0 else "cancel",
        amount=abs(amount),
        fee=0,
        sold_on=day,
        paid_out_on=day,
    )
