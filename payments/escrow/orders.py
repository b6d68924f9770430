"""Orders: made, paid through the gateway into escrow, or expired.

The gateway is called outside any unit of work. Before that the order becomes ``unknown`` and
remembers the payment key, so that a crash or silence between the gateway's yes and our unit leaves
a row that says "perhaps paid": the same confirmation again, or :func:`orders_reconcile`, which
reads first, settles it. The gateway takes the money once however often it is asked, and the order
becomes paid once.
"""

from __future__ import annotations

from datetime import datetime

from django.conf import settings
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from common.db import on_commit, run_in_unit
from common.errors import Conflict, Unprocessable
from common.ids import uuid7
from payments import ledger
from payments.gateways import TAKEN, TIMEOUT_S, Declined, Found, Status, gateway
from payments.models import PERHAPS, Payment, PaymentState
from payments.selectors import order_of
from payments.signals import escrow_funded

UNKNOWN = frozenset({PaymentState.UNKNOWN.value})


def order_create(
    *, reference: str, subject: str, payer: User, amount: int, now: datetime, name: str = ""
) -> Payment:
    """Make an order of ``amount`` won for ``reference``, to be paid within ``PAYMENT_LIFE``.

    ``subject`` names the escrow account; orders of one subject are held together. ``name`` tells
    the payer, and the payment company, what it is for.
    """
    if amount <= 0:
        raise ValueError(f"An order of {amount} won can't be paid.")
    return Payment.objects.create(
        order_id=f"order-{uuid7().hex}",
        reference=reference,
        subject=subject,
        name=name,
        payer=payer,
        amount=amount,
        expires_at=now + settings.PAYMENT_LIFE,
        created_at=now,
    )


def order_confirm(
    *, order_id: str, payer: User, payment_key: str, amount: int, now: datetime
) -> Payment:
    """Take the payer's money and hold it; confirmed twice gives the same answer.

    Must not be called inside a unit of work: it calls the gateway.

    Raises:
        NotFound: no such order of this payer.
        Unprocessable: ``amount_mismatch``.
        Conflict: ``payment_expired``, ``already_paid`` with another key, ``payment_in_progress``,
            ``payment_declined``.
        Unavailable: ``gateway_unavailable``; the same call may be repeated.
    """
    charge = Charge(order_id=order_id, payer=payer, payment_key=payment_key, amount=amount, now=now)
    charge.take()
    return run_in_unit(charge.hold)


class Charge:
    """One confirmation in its two steps, for callers with a unit of work of their own."""

    def __init__(
        self, *, order_id: str, payer: User, payment_key: str, amount: int, now: datetime
    ) -> None:
        self.payment = _order_of(order_id, payer, amount)
        self.payment_key = payment_key
        self.now = now
        self._taken = False
        self._found: Found | None = None

    def take(self) -> None:
        """Ask the gateway for the money, outside any unit of work; may be repeated."""
        if run_in_unit(self._claim):
            self._found = self._ask_gateway()
        self._taken = True

    def read(self, found: Found) -> None:
        """Take what the gateway says when asked to look, instead of its answer to :meth:`take`.

        Raises:
            GatewayDown: this is not the money of the order.
        """
        found.check(order_id=self.payment.order_id, amount=self.payment.amount)
        self._found, self._taken = found, True

    def hold(self) -> Payment:
        """Write the order paid and its money into escrow, inside the caller's unit of work."""
        if not self._taken:
            raise AssertionError("take() comes before hold()")
        found = self._found
        if found is not None:
            self._write(found)
        self._check_paid_with_this_key()
        return self.payment

    def _write(self, found: Found) -> None:
        deposit = {"deposit_until": found.deposit_until, "deposit_to": found.deposit_to}
        if found.status == Status.WAITING_FOR_DEPOSIT:
            self._move(UNKNOWN, PaymentState.WAITING, **deposit)
        # Only who makes it paid books the money; who comes second finds it paid and answers so.
        elif self._move(PERHAPS, PaymentState.DONE, paid_at=self.now, **deposit):
            _hold(self.payment)

    def let_go(self) -> None:
        """The gateway says finally that no money came, and none will, with this key."""
        # Free for another way to pay, in a unit of its own.
        run_in_unit(lambda: self._move(PERHAPS, PaymentState.READY, payment_key=""))

    def _claim(self) -> bool:
        """Note the key on the order; False if the gateway's answer to this key is written down."""
        # With its own key an order may be late: its money was perhaps taken in time.
        fresh = Q(state=PaymentState.READY, expires_at__gt=self.now)
        mine = Q(state=PaymentState.UNKNOWN, payment_key=self.payment_key)
        order = Payment.objects.filter(pk=self.payment.pk).filter(fresh | mine)
        if order.update(state=PaymentState.UNKNOWN, payment_key=self.payment_key):
            return True
        self._check_paid_with_this_key()
        return False

    def _check_paid_with_this_key(self) -> None:
        self.payment.refresh_from_db()
        same_key = self.payment.payment_key == self.payment_key
        if self.payment.state == PaymentState.DONE:
            if not same_key:
                raise Conflict("already_paid", _("This order is paid already."))
        elif self.payment.payment_key and not same_key:
            message = _("Another payment for this order is under way.")
            raise Conflict("payment_in_progress", message, retry_after=30)
        elif self.payment.state != PaymentState.WAITING:
            raise Conflict("payment_expired", _("The time to pay is over."))

    def _ask_gateway(self) -> Found:
        try:
            return gateway().confirm(
                payment_key=self.payment_key,
                order_id=self.payment.order_id,
                amount=self.payment.amount,
                # A second card is another question: with the order's id alone the company would
                # repeat its no to the first.
                idempotency_key=f"{self.payment.order_id}:{self.payment_key}",
                timeout_s=TIMEOUT_S,
            )
        except Declined:
            # A no to a repeated question may hide an earlier yes: look, before the order is free
            # for another card.
            found = gateway().find(payment_key=self.payment_key, timeout_s=TIMEOUT_S)
            if found is not None and found.status in TAKEN:
                self.read(found)
                return found
            self.let_go()
            raise

    def _move(self, states: frozenset[str], state: PaymentState, **values: object) -> bool:
        mine = Payment.objects.filter(
            pk=self.payment.pk, state__in=sorted(states), payment_key=self.payment_key
        )
        return bool(mine.update(state=state, **values))


def orders_expire(*, now: datetime) -> int:
    """Close the orders that nobody tried to pay in time; return how many."""
    late = Payment.objects.filter(state=PaymentState.READY, payment_key="", expires_at__lte=now)
    return run_in_unit(lambda: late.update(state=PaymentState.EXPIRED))


def _order_of(order_id: str, payer: User, amount: int) -> Payment:
    payment = order_of(order_id=order_id, payer=payer)
    if payment.amount != amount:
        message = _("The amount differs from the order.")
        raise Unprocessable("amount_mismatch", message, expected=payment.amount)
    return payment


def _hold(payment: Payment) -> None:
    ledger.post(
        reference=f"hold:{payment.order_id}",
        kind="hold",
        subject=payment.subject,
        moves=[
            (ledger.GATEWAY, -payment.amount),
            (ledger.escrow_account(payment.subject), payment.amount),
        ],
    )
    on_commit(lambda: _announce(payment.reference, payment.order_id))


def _announce(reference: str, order_id: str) -> None:
    escrow_funded.send_robust(sender=Payment, reference=reference, order_id=order_id)
