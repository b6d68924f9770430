"""The double-entry ledger: the one place that writes transfers, entries and balances.

The entries of a transfer sum to zero; what an account holds is the sum of its entries. The
gateway's account runs negative by what it keeps for us.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from uuid import UUID

from django.db import DatabaseError, IntegrityError
from django.db.models import F, Sum
from django.utils.translation import gettext_lazy as _

from common.db import in_one_unit
from common.errors import Conflict
from payments.models import Account, AccountKind, Entry, Transfer

GATEWAY = AccountKind.GATEWAY.value
COMMISSION = AccountKind.COMMISSION.value
REFUNDS = AccountKind.REFUNDS.value
PAYOUTS = AccountKind.PAYOUTS.value
TAX = AccountKind.TAX.value
# Where the other half of a correction stays until somebody knows what it was.
SUSPENSE = AccountKind.SUSPENSE.value
OWNED = frozenset({AccountKind.USER, AccountKind.EXPENSES})
FLOORED = OWNED | {AccountKind.ESCROW}
REVERSAL = "reversal"

Move = tuple[str, int]  # the account's name, and what it gains in won


class Insufficient(Conflict):
    """An account that must not fall below zero holds too little."""

    code = "insufficient_funds"
    message = _("There is not enough money for this.")


class AlreadyPosted(Conflict):
    """A transfer with this reference is in the ledger."""

    code = "already_posted"
    message = _("This was booked already.")


class RaceLost(DatabaseError):
    """Someone else wrote first; ``run_in_unit`` starts the whole unit again."""

    sqlstate = "40001"


def escrow_account(subject: str) -> str:
    return f"{AccountKind.ESCROW}:{subject}"


def user_account(user_id: UUID) -> str:
    return f"{AccountKind.USER}:{user_id.hex}"


def expenses_account(user_id: UUID) -> str:
    """Name the account of what a user laid out for others: paid out with earnings, untaxed."""
    return f"{AccountKind.EXPENSES}:{user_id.hex}"


@in_one_unit
def post(
    *,
    reference: str,
    kind: str,
    subject: str,
    moves: Iterable[Move],
    reverses: Transfer | None = None,
) -> Transfer:
    """Move money between accounts, in won; accounts are made on first use.

    Raises:
        ValueError: the moves don't sum to zero, or move nothing.
        AlreadyPosted: the reference is taken.
        Insufficient: an escrow account or one of a user's would fall below zero.
    """
    amounts = _netted(moves)
    transfer = _new_transfer(reference, kind, subject, reverses)
    # By name, so that two transfers which make the same accounts cannot wait for each other.
    accounts = [(_account(name), amounts[name]) for name in sorted(amounts)]
    # By key, for the same reason: every transfer touches the accounts it shares in one order.
    for account, amount in sorted(accounts, key=lambda pair: pair[0].pk):
        if account.kind in FLOORED:
            _add(account, amount)
    Entry.objects.bulk_create(
        [Entry(transfer=transfer, account=account, amount=amount) for account, amount in accounts]
    )
    return transfer


@in_one_unit
def reverse(*, transfer: Transfer) -> Transfer:
    """Post the opposite of ``transfer``, once; a reversal itself is final.

    Raises:
        AlreadyPosted: it was reversed before.
        Insufficient: the money has moved on.
    """
    if transfer.kind == REVERSAL:
        raise Conflict("is_reversal", _("A correction can't be corrected."))
    entries = Entry.objects.filter(transfer=transfer).prefetch_related("account")
    return post(
        reference=f"reverse:{transfer.reference}",
        kind=REVERSAL,
        subject=transfer.subject,
        moves=[(entry.account.name, -entry.amount) for entry in entries],
        reverses=transfer,
    )


def balance_of(account: str) -> int:
    """Return what the account named ``account`` holds, in won; 0 if it was never used."""
    found = Account.objects.filter(name=account).first()
    if found is None:
        return 0
    if found.balance is not None:
        return found.balance
    total: int | None = Entry.objects.filter(account=found).aggregate(total=Sum("amount"))["total"]
    return total or 0


def _netted(moves: Iterable[Move]) -> dict[str, int]:
    amounts: defaultdict[str, int] = defaultdict(int)
    for name, amount in moves:
        amounts[name] += amount
    if sum(amounts.values()) != 0:
        raise ValueError(f"The moves sum to {sum(amounts.values())}, not to zero.")
    moving = {name: amount for name, amount in amounts.items() if amount}
    if not moving:
        raise ValueError("The moves move nothing.")
    return moving


def _new_transfer(reference: str, kind: str, subject: str, reverses: Transfer | None) -> Transfer:
    if Transfer.objects.filter(reference=reference).exists():
        raise AlreadyPosted
    try:
        return Transfer.objects.create(
            reference=reference, kind=kind, subject=subject, reverses=reverses
        )
    except IntegrityError as error:  # the same reference, a moment ago: the unit ends here
        raise AlreadyPosted from error


def _account(name: str) -> Account:
    account = Account.objects.filter(name=name).first()
    if account is not None:
        return account
    kind, _colon, owner = name.partition(":")
    try:
        return Account.objects.create(
            name=name,
            kind=AccountKind(kind),
            owner_id=UUID(owner) if kind in OWNED else None,
            balance=0 if kind in FLOORED else None,
        )
    except IntegrityError as error:  # made by another a moment ago; the next try finds it
        raise RaceLost from error


def _add(account: Account, amount: int) -> None:
    # The floor is part of the update itself: between a check and a write others would fit.
    enough = Account.objects.filter(pk=account.pk, balance__gte=-amount)
    if not enough.update(balance=F("balance") + amount):
        raise Insufficient
