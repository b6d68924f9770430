"""A payout is asked for, or its week has come: the money leaves the user's account at once.

What they laid out for others goes with it, all there is, untaxed.
"""

from __future__ import annotations

import logging
from datetime import date, datetime
from uuid import UUID

from django.conf import settings
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from common.db import in_one_unit
from common.errors import Conflict, Invalid
from common.ids import uuid7
from payments import ledger
from payments.models import BankAccount, Payout
from payments.payouts.accounts import next_weekly
from payments.tax import TaxMode, withholding

SWEPT = 200

logger = logging.getLogger(__name__)


@in_one_unit
def payout_request(*, user: User, now: datetime, amount: int | None = None) -> Payout:
    """Take ``amount`` won of the earnings, or all there is, from the user's for a payout.

    Raises:
        Conflict: ``no_bank_account``, ``no_resident_number``; ``insufficient_funds``.
        Invalid: ``below_minimum`` (``minimum`` says which).
    """
    account = BankAccount.objects.filter(user=user).first()
    if account is None:
        raise Conflict("no_bank_account", _("Tell us your bank account first."))
    if amount is None:
        amount = ledger.balance_of(ledger.user_account(user.pk))
    return _take(account, amount, reference=f"payout:{uuid7().hex}", now=now)


def payouts_schedule(*, now: datetime) -> int:
    """Ask for the weekly payouts that are due; return how many were made."""
    due = BankAccount.objects.filter(payout_at__lte=now).order_by("payout_at")
    return sum(_made(pk, now) for pk in list(due.values_list("pk", flat=True)[:SWEPT]))


def _made(pk: UUID, now: datetime) -> bool:
    """Keep what is wrong with one from all who come after."""
    try:
        return _weekly(pk, now)
    except Conflict as refusal:  # asked for by hand just now, or this week's is there already
        logger.warning("No weekly payout to account %s: %s", pk, refusal.code)
        return False


@in_one_unit
def _weekly(pk: UUID, now: datetime) -> bool:
    account = BankAccount.objects.get(pk=pk)
    if account.payout_at is None or account.payout_at > now:
        return False
    mine = BankAccount.objects.filter(pk=pk, payout_at=account.payout_at)
    if not mine.update(payout_at=next_weekly(now)):
        return False
    holds = ledger.balance_of(ledger.user_account(account.user_id))
    laid_out = ledger.balance_of(ledger.expenses_account(account.user_id))
    if holds + laid_out < settings.PAYOUT_MINIMUM or _lacks_number(account):
        return False
    reference = f"payout:{account.user_id.hex}:{_day(account.payout_at):%Y%m%d}"
    # An account kept anew in that very moment has the same hour again.
    if Payout.objects.filter(reference=reference).exists():
        return False
    _take(account, holds, reference=reference, now=now)
    return True


def _take(account: BankAccount, gross: int, *, reference: str, now: datetime) -> Payout:
    expenses = ledger.expenses_account(account.user_id)
    untaxed = ledger.balance_of(expenses)
    if gross < 0 or gross + untaxed < settings.PAYOUT_MINIMUM:
        message = _("This is below the least amount of a payout.")
        raise Invalid("below_minimum", message, field="amount", minimum=settings.PAYOUT_MINIMUM)
    if _lacks_number(account):
        raise Conflict("no_resident_number", _("The tax office asks for your resident number."))
    ledger.post(
        reference=reference,
        kind="payout",
        subject=reference,
        moves=[
            (ledger.user_account(account.user_id), -gross),
            (expenses, -untaxed),
            (ledger.PAYOUTS, gross + untaxed),
        ],
    )
    tax = withholding(gross, on=_day(now), mode=TaxMode(settings.TAX_MODE))
    return Payout.objects.create(
        reference=reference,
        user_id=account.user_id,
        gross=gross,
        income_tax=tax.income,
        local_tax=tax.local,
        untaxed=untaxed,
        bank=account.bank,
        holder=account.holder,
        number=account.number,
        last4=account.last4,
        created_at=now,
    )


def _lacks_number(account: BankAccount) -> bool:
    return settings.TAX_MODE == TaxMode.PLATFORM_PAYS and account.resident_number is None


def _day(now: datetime) -> date:
    return timezone.localdate(now, timezone.get_default_timezone())
