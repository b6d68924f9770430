"""The one way out of escrow: everything held for a subject is split, once."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from uuid import UUID

from django.utils.translation import gettext_lazy as _

from common.db import in_one_unit
from common.errors import Conflict
from payments import ledger
from payments.escrow.refunds import refunds_request
from payments.models import Transfer


def escrow_held(reference: str) -> int:
    """Return what is held for the subject ``reference``, in won."""
    return ledger.balance_of(ledger.escrow_account(reference))


@in_one_unit
def settle(
    *,
    reference: str,
    kind: str,
    pay: Mapping[UUID, int],
    commission: int,
    refund: int,
    now: datetime,
    expenses: Mapping[UUID, int] | None = None,
) -> Transfer:
    """Split all that is held for the subject ``reference`` between people, us and the payer.

    ``pay`` names users and their won, ``expenses`` what they laid out; ``refund`` goes back to
    the payments it came from. Money that arrives later is sent back by
    :func:`~payments.escrow.refund_order`.

    Raises:
        ValueError: a part is negative.
        Conflict: ``already_settled``; ``nothing_held``; ``split_mismatch`` if the parts are not
            what is held (``held`` says how much is).
    """
    parts = {ledger.user_account(user_id): amount for user_id, amount in pay.items()}
    laid_out = (expenses or {}).items()
    parts |= {ledger.expenses_account(user_id): amount for user_id, amount in laid_out}
    parts |= {ledger.COMMISSION: commission, ledger.REFUNDS: refund}
    _check_parts(reference, list(parts.values()))
    moves = [(ledger.escrow_account(reference), -sum(parts.values())), *parts.items()]
    try:
        transfer = ledger.post(
            reference=settlement_of(reference), kind=kind, subject=reference, moves=moves
        )
    except ledger.AlreadyPosted as error:
        raise already_settled() from error
    if refund:
        refunds_request(subject=reference, amount=refund, reason=kind, now=now)
    return transfer


def settlement_of(subject: str) -> str:
    """Return the reference of the one transfer that settles ``subject``."""
    return f"settle:{subject}"


def is_settled(subject: str) -> bool:
    """Tell whether what was held for ``subject`` has been split."""
    return Transfer.objects.filter(reference=settlement_of(subject)).exists()


def already_settled() -> Conflict:
    return Conflict("already_settled", _("This was settled already."))


def _check_parts(subject: str, parts: list[int]) -> None:
    if min(parts) < 0:
        raise ValueError(f"A part of a settlement is negative: {parts}")
    # Money first: should another settle in between, the second look finds that.
    held = escrow_held(subject)
    if is_settled(subject):
        raise already_settled()
    if not held:
        raise Conflict("nothing_held", _("No money is held for this."))
    if sum(parts) != held:
        message = _("The parts are not what is held.")
        raise Conflict("split_mismatch", message, held=held)
