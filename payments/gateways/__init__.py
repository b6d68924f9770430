"""What we ask of a payment company, whichever it is."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import Literal, Protocol, cast

from django.conf import settings
from django.utils.module_loading import import_string
from django.utils.translation import gettext_lazy as _

from common.errors import Conflict, Unavailable

TIMEOUT_S = 10.0  # shorter than the 30 s for which a running request keeps its key locked


logger = logging.getLogger(__name__)


class Declined(Conflict):
    """The payment company said no, and will say no again."""

    code = "payment_declined"
    message = _("The payment was declined. Please try another way to pay.")


class AccountRefused(Declined):
    """A deposit can't go back to this account, or to none: the payer has to give another."""

    code = "refund_account_refused"
    message = _("The payment company refuses this account.")


class GatewayDown(Unavailable):
    """No answer, or none in time: nobody knows yet whether money moved."""

    code = "gateway_unavailable"
    message = _("The payment company does not answer. Please try again in a moment.")


class Status(StrEnum):
    """What the payment company says of a payment, in the words of Toss Payments."""

    READY = "READY"
    IN_PROGRESS = "IN_PROGRESS"  # the payer agreed, nobody confirmed: no money has moved
    WAITING_FOR_DEPOSIT = "WAITING_FOR_DEPOSIT"  # a virtual account that is not paid into yet
    DONE = "DONE"
    CANCELED = "CANCELED"
    PARTIAL_CANCELED = "PARTIAL_CANCELED"
    ABORTED = "ABORTED"
    EXPIRED = "EXPIRED"


TAKEN = frozenset({Status.DONE, Status.WAITING_FOR_DEPOSIT})  # what a confirmation leads to


@dataclass(frozen=True, kw_only=True)
class Cancel:
    """Money that went back; ``key`` is the idempotency key that asked for it, "" if not ours."""

    key: str
    amount: int


@dataclass(frozen=True, kw_only=True)
class Receiver:
    """The account that a deposit goes back to; ``bank`` is a code of 금융결제원, as 088."""

    bank: str
    number: str
    holder: str

    def __repr__(self) -> str:
        return f"Receiver({self.bank})"


@dataclass(frozen=True, kw_only=True)
class Found:
    """A payment as the company has it now; amounts in won."""

    payment_key: str
    order_id: str
    status: Status
    amount: int
    cancels: tuple[Cancel, ...] = ()
    deposit_to: str = ""  # bank (its name) and number of the virtual account
    deposit_until: datetime | None = None

    def check(self, *, order_id: str, amount: int) -> None:
        """Raise GatewayDown when this is not the money of that order."""
        if (self.order_id, self.amount) != (order_id, amount):
            logger.error("Payment of order %s is another: %s", order_id, self)
            raise GatewayDown


@dataclass(frozen=True, kw_only=True)
class Settlement:
    """One line of what the company settles with us: money it took, or sent back.

    ``amount`` in won is never negative, ``kind`` tells its way. ``fee`` is what the company keeps
    of it, negative where it gives some back.
    """

    order_id: str
    payment_key: str
    kind: Literal["payment", "cancel"]
    amount: int
    fee: int
    sold_on: date  # by the clock of Seoul, as the next one
    paid_out_on: date

    @property
    def paid_out(self) -> int:
        """What we get of it; negative for a cancel."""
        return (self.amount if self.kind == "payment" else -self.amount) - self.fee


@dataclass(frozen=True, kw_only=True)
class Window:
    """Where the payer agrees to a payment, before it can be confirmed."""

    company: Literal["toss", "sandbox"]
    client_key: str = ""
    script: str = ""  # the address of what opens it in a page; "" if nothing is to open
    origins: tuple[str, ...] = ()  # where that loads from, as a content policy names them


class Gateway(Protocol):
    """A payment company. The same ``idempotency_key`` moves money once and answers the same.

    Amounts in won. ``confirm`` and ``cancel`` raise :class:`Declined` or :class:`GatewayDown`,
    nothing else; those that only read, the latter alone. All answer within ``timeout_s``.
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
        """Take the money that the payer agreed to under ``payment_key``.

        The answer is DONE, or WAITING_FOR_DEPOSIT: the money comes later, if at all.
        """

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
        """Send ``amount`` of a taken payment back, a deposit to ``receiver``.

        Raises:
            AccountRefused: not to that one; with another the same key is another question.
        """

    def find(self, *, payment_key: str, timeout_s: float) -> Found | None:
        """Look a payment up; None if the company knows none. Moves no money."""

    def find_order(self, *, order_id: str, timeout_s: float) -> Found | None:
        """The same for an order whose payment key nobody told us."""

    def settlements(self, *, day: date, timeout_s: float) -> list[Settlement]:
        """Return all that was paid and canceled on ``day``, by the clock of Seoul.

        The company knows a day once it is over; it may have many pages, ``timeout_s`` for each.
        """

    def window(self) -> Window:
        """Return where the payer agrees; asks nobody."""


def gateway() -> Gateway:
    """Return the gateway that ``PAYMENT_GATEWAY`` names."""
    return cast("Gateway", import_string(settings.PAYMENT_GATEWAY)())
