"""Bank accounts: whose they are is asked before they are stored, and they are stored sealed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from common.db import in_one_unit
from common.errors import Invalid
from common.sealed import Secret
from payments.gateways import TIMEOUT_S
from payments.gateways.holders import SandboxHolders, holders
from payments.models import BankAccount
from payments.policy import BANKS, account_digits
from payments.tax import resident_digits


@dataclass(frozen=True, kw_only=True)
class Details:
    """What a user says of the account. ``resident_number`` None keeps what is known."""

    bank: str
    number: str
    holder: str
    resident_number: str | None = None
    weekly: bool = False

    def __repr__(self) -> str:
        return f"Details({self.bank})"


def checked(details: Details) -> Details:
    """Return the details in their stored form. Not inside a unit of work: a bank is asked.

    Raises:
        Invalid: ``bank_unknown``, ``account_number_wrong``, ``resident_number_wrong``,
            ``account_unknown``, ``holder_differs``; ``field`` names what is wrong.
        Unavailable: the bank does not answer.
    """
    if details.bank not in BANKS:
        raise Invalid("bank_unknown", _("We don't know this bank."), field="bank")
    number = account_digits(details.number)
    if number is None:
        raise Invalid(
            "account_number_wrong", _("This is no account number."), field="account_number"
        )
    resident = details.resident_number and resident_digits(details.resident_number)
    if details.resident_number is not None and not resident:
        raise Invalid(
            "resident_number_wrong", _("This is no resident number."), field="resident_number"
        )
    _check_holder(details.bank, number, details.holder)
    return Details(
        bank=details.bank,
        number=number,
        holder=details.holder.strip(),
        resident_number=resident or None,
        weekly=details.weekly,
    )


def _check_holder(bank: str, number: str, holder: str) -> None:
    found = holders().holder_of(bank=bank, number=number, timeout_s=TIMEOUT_S)
    if found is None:
        raise Invalid("account_unknown", _("There is no such account."), field="account_number")
    if found != SandboxHolders.anybody and _plain(found) != _plain(holder):
        raise Invalid("holder_differs", _("The account is not in this name."), field="holder")


def _plain(name: str) -> str:
    return "".join(name.split()).casefold()


@in_one_unit
def bank_account_keep(*, user: User, details: Details, now: datetime) -> BankAccount:
    """Store the user's account, as :func:`checked` returned it; payouts under way keep theirs."""
    kept: dict[str, object] = {
        "bank": details.bank,
        "holder": details.holder,
        "number": Secret(details.number),
        "last4": details.number[-4:],
        "checked_at": now,
        "payout_at": next_weekly(now) if details.weekly else None,
    }
    if details.resident_number is not None:
        kept["resident_number"] = Secret(details.resident_number)
    account, _made = BankAccount.objects.update_or_create(user=user, defaults=kept)
    return account


def next_weekly(now: datetime) -> datetime:
    """Return the first weekly hour of payouts after ``now``, by the clock of Seoul."""
    local = timezone.localtime(now, timezone.get_default_timezone())
    hour = local.replace(hour=settings.PAYOUT_HOUR, minute=0, second=0, microsecond=0)
    day = hour + timedelta(days=(settings.PAYOUT_WEEKDAY - local.weekday()) % 7)
    return day if day > now else day + timedelta(days=7)
