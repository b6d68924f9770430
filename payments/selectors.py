"""What others may ask about money; amounts in won."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from django.db.models import QuerySet, Sum
from django.utils import timezone

from accounts.models import User
from common.errors import NotFound
from payments import ledger
from payments.models import (
    Account,
    AccountKind,
    BankAccount,
    Entry,
    Payment,
    Payout,
    PayoutState,
    Refund,
    RefundState,
    Transfer,
    Webhook,
)

TAX_OFFICE = "tax-office"  # the subject of what is paid there


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


def refund_account_missing(payment: Payment) -> bool:
    """Whether money waits that can't go back until the payer says where."""
    if not payment.refunded:
        return False  # without a question: so it is with nearly all
    return Refund.objects.filter(payment=payment, state=RefundState.NO_ACCOUNT).exists()


def order_id_of(*, order_id: str, payment_key: str) -> str:
    """Return the id of the order that has this id, or else this payment key; "" if none has."""
    known = Payment.objects.filter(order_id=order_id).values_list("order_id", flat=True).first()
    if known is None and payment_key:
        keyed = Payment.objects.filter(payment_key=payment_key)
        known = keyed.values_list("order_id", flat=True).first()
    return known or ""


def webhooks_kept(order_id: str) -> int:
    """Return how many webhooks about an order are kept."""
    return Webhook.objects.filter(order_id=order_id).count()


def balance_of_user(user: User) -> int:
    """Return what the user has earned and not been paid out."""
    return ledger.balance_of(ledger.user_account(user.pk))


def expenses_of_user(user: User) -> int:
    """Return what the user laid out for others and was not paid back."""
    return ledger.balance_of(ledger.expenses_account(user.pk))


def statement(user: User) -> QuerySet[Entry]:
    """Return the entries of the user's account, each with its transfer, newest first."""
    account = Account.objects.filter(name=ledger.user_account(user.pk)).first()
    entries = Entry.objects.filter(account=account) if account else Entry.objects.none()
    return entries.prefetch_related("transfer").order_by("-id")


def ledger_lines(*subjects: str) -> QuerySet[Entry]:
    """Return every entry about ``subjects``, with its transfer and account, oldest first."""
    # Two queries on purpose: a filter across the foreign key is slow where joins are.
    transfers = list(Transfer.objects.filter(subject__in=subjects).values_list("pk", flat=True))
    entries = Entry.objects.filter(transfer__in=transfers)
    return entries.prefetch_related("transfer", "account").order_by("id")


def escrow_by_subject() -> dict[str, int]:
    """Return what escrow holds, in won, of each subject of which it holds anything."""
    rows = Account.objects.filter(kind=AccountKind.ESCROW, balance__gt=0)
    prefix = ledger.escrow_account("")
    return {
        name.removeprefix(prefix): balance or 0
        for name, balance in rows.values_list("name", "balance")
    }


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


def tax_remitted() -> int:
    """Return what was paid to the tax office of all that was withheld."""
    account = Account.objects.filter(name=ledger.TAX).first()
    paid = Transfer.objects.filter(subject=TAX_OFFICE).values_list("pk", flat=True)
    entries = Entry.objects.filter(transfer__in=list(paid), account=account)
    return -int(entries.aggregate(total=Sum("amount", default=0))["total"])


# --- Payouts -----------------------------------------------------------------------------


class Year(NamedTuple):
    """What one user was paid in a calendar year of ours; ``payouts`` are the paid ones."""

    year: int
    payouts: list[Payout]

    @property
    def gross(self) -> int:
        return sum(payout.gross for payout in self.payouts)

    @property
    def income_tax(self) -> int:
        return sum(payout.income_tax for payout in self.payouts)

    @property
    def local_tax(self) -> int:
        return sum(payout.local_tax for payout in self.payouts)

    @property
    def untaxed(self) -> int:
        return sum(payout.untaxed for payout in self.payouts)

    @property
    def net(self) -> int:
        return self.gross - self.income_tax - self.local_tax + self.untaxed


def bank_account_of(user: User) -> BankAccount:
    """Return the user's bank account, or NotFound."""
    account = BankAccount.objects.filter(user=user).first()
    if account is None:
        raise NotFound
    return account


def payouts_of(user: User) -> QuerySet[Payout]:
    """Return the user's payouts, newest first."""
    return Payout.objects.filter(user=user).order_by("-id")


def payout_of(*, payout_id: UUID, user: User) -> Payout:
    """Return the user's own payout; NotFound for anyone else."""
    payout = Payout.objects.filter(pk=payout_id, user=user).first()
    if payout is None:
        raise NotFound
    return payout


def year_of(*, user: User, year: int) -> Year:
    """Return the user's payouts that were paid in ``year``, by the clock of Seoul."""
    paid = Payout.objects.filter(user=user, state=PayoutState.PAID)
    since, until = _local_day(year, 1), _local_day(year + 1, 1)
    return Year(year, list(paid.filter(done_at__gte=since, done_at__lt=until).order_by("done_at")))


def paid_in_month(*, year: int, month: int) -> list[Payout]:
    """Return every payout that was paid in that month, by the clock of Seoul, oldest first."""
    until = _local_day(year + month // 12, month % 12 + 1)
    paid = Payout.objects.filter(
        state=PayoutState.PAID, done_at__gte=_local_day(year, month), done_at__lt=until
    )
    return list(paid.prefetch_related("user__bank_account").order_by("done_at"))


def _local_day(year: int, month: int) -> datetime:
    return datetime(year, month, 1, tzinfo=timezone.get_default_timezone())
