"""A payment company that moves no money, for development, robots and tests."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from payments.gateways import Declined, Found, Status


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
    ) -> None:
        self._check(payment_key)

    def find(self, *, payment_key: str, timeout_s: float) -> Found | None:
        """It remembers nothing, so that every payment may be confirmed (again)."""
        return None

    def _check(self, payment_key: str) -> None:
        if not payment_key.startswith("sandbox_"):
            raise Declined("payment_key_unknown", _("The payment company knows no such payment."))
