"""What we ask of a payment company, whichever it is."""

from __future__ import annotations

from typing import Protocol, cast

from django.conf import settings
from django.utils.module_loading import import_string
from django.utils.translation import gettext_lazy as _

from common.errors import Conflict, Unavailable

TIMEOUT_S = 10.0  # shorter than the 30 s for which a running request keeps its key locked


class Declined(Conflict):
    """The payment company said no, and will say no again."""

    code = "payment_declined"
    message = _("The payment was declined. Please try another way to pay.")


class GatewayDown(Unavailable):
    """No answer, or none in time: nobody knows yet whether money moved."""

    code = "gateway_unavailable"
    message = _("The payment company does not answer. Please try again in a moment.")


class Gateway(Protocol):
    """A payment company. The same ``idempotency_key`` moves money once and answers the same.

    Amounts in won. Both calls raise :class:`Declined` or :class:`GatewayDown`, nothing else,
    and answer within ``timeout_s``.
    """

    def confirm(
        self,
        *,
        payment_key: str,
        order_id: str,
        amount: int,
        idempotency_key: str,
        timeout_s: float,
    ) -> None:
        """Take the money that the payer agreed to under ``payment_key``."""

    def cancel(
        self,
        *,
        payment_key: str,
        amount: int,
        reason: str,
        idempotency_key: str,
        timeout_s: float,
    ) -> None:
        """Send ``amount`` of a taken payment back."""


def gateway() -> Gateway:
    """Return the gateway that ``PAYMENT_GATEWAY`` names."""
    return cast("Gateway", import_string(settings.PAYMENT_GATEWAY)())
