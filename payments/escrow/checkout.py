"""What a payer's app or page needs to open the payment window for an order."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from datetime import datetime

from django.conf import settings
from django.core.signing import BadSignature, TimestampSigner
from django.urls import reverse
from django.utils.crypto import salted_hmac
from django.utils.translation import gettext as _

from accounts.models import User
from common.errors import Conflict, NotFound
from payments.gateways import Window, gateway
from payments.models import PERHAPS, Payment, PaymentState
from payments.selectors import order_of

SALT = "payments.checkout"


@dataclass(frozen=True, kw_only=True)
class Checkout:
    """An order that can be paid now, and where."""

    payment: Payment
    window: Window
    token: str  # of the link to our own page

    @property
    def order_name(self) -> str:
        return self.payment.name or _("Errand")

    @property
    def customer_key(self) -> str:
        """The company's name for the payer: always the same, and nobody can tell whose it is."""
        mac = salted_hmac("payments.customer", str(self.payment.payer_id), algorithm="sha256")
        return base64.urlsafe_b64encode(mac.digest()[:24]).decode("ascii")

    @property
    def sandbox_key(self) -> str:
        """What to confirm with where no window opens; "" where one does."""
        return "" if self.window.script else f"sandbox_ok_{self.payment.order_id}"

    def address(self, name: str = "pay") -> str:
        return f"{settings.PUBLIC_URL}{reverse(name, args=[self.token])}"


def checkout_of(*, order_id: str, payer: User, now: datetime) -> Checkout:
    """Return what the payer's own order is paid with.

    Raises:
        NotFound: no such order of this payer.
        Conflict: ``already_paid``, ``payment_in_progress``, ``payment_expired``.
    """
    return checkout(payment=order_of(order_id=order_id, payer=payer), now=now)


def checkout(*, payment: Payment, now: datetime) -> Checkout:
    """Return what the order is paid with; refuses as :func:`checkout_of` does."""
    if payment.state == PaymentState.DONE:
        raise Conflict("already_paid", _("This order is paid already."))
    if payment.state in PERHAPS:
        raise Conflict("payment_in_progress", _("Another payment for this order is under way."))
    if payment.state == PaymentState.EXPIRED or payment.expires_at <= now:
        raise Conflict("payment_expired", _("The time to pay is over."))
    token = TimestampSigner(salt=SALT).sign(payment.order_id)
    return Checkout(payment=payment, window=gateway().window(), token=token)


def order_behind(token: str) -> Payment:
    """Return the order that a link is about; NotFound for a forged and for an old link."""
    try:
        signer = TimestampSigner(salt=SALT)
        order_id = signer.unsign(token, max_age=settings.CHECKOUT_LINK_LIFE)
    except BadSignature as error:
        raise NotFound from error
    payment = Payment.objects.filter(order_id=order_id).first()
    if payment is None:
        raise NotFound
    return payment
