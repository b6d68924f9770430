"""What was withheld leaves for the tax office, a month at a time."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from accounts.models import User
from common.db import in_one_unit
from common.errors import Conflict, Invalid
from payments import ledger
from payments.models import Transfer
from payments.payouts.batches import check_finance
from payments.selectors import TAX_OFFICE


@in_one_unit
def tax_pay(*, month: str, amount: int, by: User) -> Transfer:
    """Book ``amount`` won as paid to the tax office for ``month`` (2026-11), once.

    Raises:
        NotAllowed: ``finance_only``.
        Invalid: ``amount_out_of_range`` (``most`` is what is payable).
        Conflict: ``tax_paid`` for that month.
    """
    check_finance(by)
    payable = ledger.balance_of(ledger.TAX)
    if not 0 < amount <= payable:
        message = _("So much tax is not payable.")
        raise Invalid("amount_out_of_range", message, field="amount", most=payable)
    try:
        return ledger.post(
            reference=f"tax:{month}",
            kind="tax_paid",
            subject=TAX_OFFICE,
            moves=[(ledger.TAX, -amount), (ledger.GATEWAY, amount)],
        )
    except ledger.AlreadyPosted as error:
        raise Conflict("tax_paid", _("The tax of this month was paid before.")) from error
