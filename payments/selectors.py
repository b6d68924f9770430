"""What others may ask about money; amounts in won."""

from __future__ import annotations

from typing import NamedTuple

from django.db.models import QuerySet, Sum

from accounts.models import User
from common.errors import NotFound
from payments import ledger
from payments.models import Account, AccountKind, Entry, Payment, Transfer


class Books(NamedTuple):
    """One look at all accounts; sound when ``total`` is 0 and nothing has ``drifted``."""

    total: int  # the sum of all entries
    drifted: list[str]  # accounts whose stored balance is not the sum of their entries
    escrow: dict[str, int]  # subject → what is held for it, without the empty ones

    @property
    def sound(self) -> bool:
        return self.total == 0 and not self.drifted


def order_of(*, order_id: str, payer: User) -> Payment:
    """Return the payer's own order; NotFound for anyone else."""
    payment = Payment.objects.filter(order_id=order_id, payer=payer).first()
    if payment is None:
        raise NotFound
    return payment


def order_id_of(*, order_id: str, payment_key: str) -> str:
    """Return the id of the order that has this id, or else this payment key; "" if none has."""
    known = Payment.objects.filter(order_id=order_id).values_list("order_id", flat=True).first()
    if known is None and payment_key:
        keyed = Payment.objects.filter(payment_key=payment_key)
        known = keyed.values_list("order_id", flat=True).first()
    return known or ""


def balance_of_user(user: User) -> int:
    """Return what the user has earned and not been paid out."""
    return ledger.balance_of(ledger.user_account(user.pk))


def statement(user: User) -> QuerySet[Entry]:
    """Return the entries of the user's account, each with its transfer, newest first."""
    account = Account.objects.filter(name=ledger.user_account(user.pk)).first()
    entries = Entry.objects.filter(account=account) if account else Entry.objects.none()
    return entries.prefetch_related("transfer").order_by("-id")


def ledger_lines(subject: str) -> QuerySet[Entry]:
    """Return every entry about ``subject``, with its transfer and account, oldest first."""
    # Two queries on purpose: a filter across the foreign key is slow where joins are.
    transfers = list(Transfer.objects.filter(subject=subject).values_list("pk", flat=True))
    entries = Entry.objects.filter(transfer__in=transfers)
    return entries.prefetch_related("transfer", "account").order_by("id")


def escrow_total() -> int:
    """Return what is held in escrow for all subjects together."""
    held = Account.objects.filter(kind=AccountKind.ESCROW, balance__gt=0)
    total: int = held.aggregate(total=Sum("balance", default=0))["total"]
    return total


def books_balance() -> Books:
    """Add up the whole ledger, in one statement so that it sees one moment."""
    accounts = list(Account.objects.annotate(entered=Sum("entries__amount", default=0)))
    prefix = f"{AccountKind.ESCROW}:"
    return Books(
        total=sum(account.entered for account in accounts),
        drifted=[
            account.name
            for account in accounts
            if account.balance is not None and account.balance != account.entered
        ],
        escrow={
            account.name.removeprefix(prefix): account.entered
            for account in accounts
            if account.kind == AccountKind.ESCROW and account.entered
        },
    )
