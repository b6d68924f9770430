"""Money: orders paid through a gateway, refunds, and the double-entry ledger."""

from __future__ import annotations

from typing import Any, TypeVar

from django.conf import settings
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from common.models import Record
from common.sealed import SealedField

M = TypeVar("M", bound=models.Model)


class PaymentState(models.TextChoices):
    READY = "ready", _("Ready to pay")
    UNKNOWN = "unknown", _("Perhaps paid")
    WAITING = "waiting", _("Waiting for the deposit")
    DONE = "done", _("Paid")
    EXPIRED = "expired", _("Expired")


# Orders of which money may have been taken, or may come yet.
PERHAPS = frozenset({PaymentState.UNKNOWN.value, PaymentState.WAITING.value})


class Payment(Record):
    """One order of one amount; ``reference`` names what it is for, ``order_id`` is the gateway's.

    Orders of one ``subject`` (the first and every raise) share an escrow account. An order is
    unknown from before the gateway is asked until its answer is written down.
    """

    order_id = models.CharField(_("order"), max_length=64, unique=True)
    reference = models.CharField(_("reference"), max_length=80, db_index=True)
    subject = models.CharField(_("subject"), max_length=80, db_index=True)
    # What the payer and the payment company read; nothing that the payer wrote, it leaves us.
    name = models.CharField(_("what for"), max_length=100, blank=True)
    payer = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, related_name="payments", verbose_name=_("payer")
    )
    amount = models.BigIntegerField(_("amount"))
    state = models.CharField(
        _("state"), max_length=10, choices=PaymentState, default=PaymentState.READY
    )
    payment_key = models.CharField(_("payment key"), max_length=200, blank=True, db_index=True)
    # Of a virtual account: bank and number, and until when they take the money.
    deposit_to = models.CharField(_("to be paid to"), max_length=60, blank=True)
    deposit_until = models.DateTimeField(_("to be paid until"), null=True, blank=True)
    expires_at = models.DateTimeField(_("expires at"))
    paid_at = models.DateTimeField(_("paid at"), null=True, blank=True)
    refunded = models.BigIntegerField(_("refunded"), default=0)

    class Meta:
        verbose_name = _("payment")
        verbose_name_plural = _("payments")
        indexes = [
            models.Index(fields=["state", "expires_at"], name="payment_state_expires_at"),
            # Asked for every few seconds by those who wait for news of a payment.
            models.Index(fields=["state", "paid_at"], name="payment_state_paid_at"),
        ]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(amount__gt=0, refunded__gte=0)
                & models.Q(refunded__lte=models.F("amount")),
                name="payment_amounts",
            ),
        ]

    def __str__(self) -> str:
        return self.order_id


class RefundState(models.TextChoices):
    REQUESTED = "requested", _("Requested")
    NO_ACCOUNT = "no_account", _("Waits for an account")
    DONE = "done", _("Sent back")


OWED = (RefundState.REQUESTED, RefundState.NO_ACCOUNT)  # the ledger has these apart


class Refund(Record):
    """Money on its way back to the payer; the ledger has it apart until the gateway says done."""

    payment = models.ForeignKey(Payment, models.PROTECT, related_name="refunds")
    reference = models.CharField(_("reference"), max_length=100, unique=True)
    amount = models.BigIntegerField(_("amount"))
    reason = models.CharField(_("reason"), max_length=200)
    state = models.CharField(
        _("state"), max_length=10, choices=RefundState, default=RefundState.REQUESTED
    )
    attempts = models.PositiveSmallIntegerField(_("attempts"), default=0)
    try_at = models.DateTimeField(_("next try"))
    done_at = models.DateTimeField(_("done at"), null=True, blank=True)

    class Meta:
        verbose_name = _("refund")
        verbose_name_plural = _("refunds")
        indexes = [
            models.Index(fields=["state", "try_at"], name="refund_state_try_at"),
            models.Index(fields=["state", "done_at"], name="refund_state_done_at"),
        ]

    def __str__(self) -> str:
        return self.reference


class RefundAccount(Record):
    """Where a deposit goes back to. It is replaced only once the company has refused it."""

    payment = models.OneToOneField(
        Payment, models.PROTECT, related_name="refund_account", verbose_name=_("payment")
    )
    bank = models.CharField(_("bank"), max_length=3)  # the code of 금융결제원
    holder = models.CharField(_("account holder"), max_length=40)
    number = SealedField(_("account number"))
    last4 = models.CharField(_("last 4 digits"), max_length=4)
    refused_at = models.DateTimeField(_("refused at"), null=True, blank=True)

    class Meta:
        verbose_name = _("refund account")
        verbose_name_plural = _("refund accounts")

    def __str__(self) -> str:
        return f"{self.bank} ••••{self.last4}"


class Webhook(Record):
    """What the payment company told, word for word; believed only once it was read there."""

    key = models.CharField(_("digest"), max_length=64, unique=True)
    kind = models.CharField(_("kind"), max_length=40)
    order_id = models.CharField(_("order"), max_length=64, db_index=True)
    body = models.TextField(_("body"))
    attempts = models.PositiveIntegerField(_("attempts"), default=0)
    try_at = models.DateTimeField(_("next try"))
    done_at = models.DateTimeField(_("done at"), null=True, blank=True)

    class Meta:
        verbose_name = _("webhook")
        verbose_name_plural = _("webhooks")
        indexes = [models.Index(fields=["done_at", "try_at"], name="webhook_done_at_try_at")]

    def __str__(self) -> str:
        return f"{self.kind} {self.order_id}"


class AccountKind(models.TextChoices):
    GATEWAY = "gateway", _("Payment gateway")
    ESCROW = "escrow", _("Escrow")
    USER = "user", _("User")
    EXPENSES = "expenses", _("Expenses of a user")
    COMMISSION = "commission", _("Commission")
    REFUNDS = "refunds", _("Refunds under way")
    PAYOUTS = "payouts", _("Payouts under way")
    TAX = "tax", _("Tax payable")
    SUSPENSE = "suspense", _("Not explained yet")


class Account(Record):
    """A place money can be. ``name`` is the kind, or the kind and what it belongs to.

    Escrow accounts and those of users keep a ``balance`` that never falls below 0. The platform's
    own accounts keep none: every payment touches them, so theirs is the sum of their entries.
    """

    name = models.CharField(_("name"), max_length=100, unique=True)
    kind = models.CharField(_("kind"), max_length=12, choices=AccountKind)
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, blank=True, related_name="accounts"
    )
    balance = models.BigIntegerField(_("balance"), null=True, blank=True)

    class Meta:
        verbose_name = _("account")
        verbose_name_plural = _("accounts")
        indexes = [
            models.Index(fields=["kind", "name"], name="account_kind_name"),
            models.Index(fields=["kind", "balance"], name="account_kind_balance"),
        ]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(balance__isnull=True) | models.Q(balance__gte=0),
                name="account_floor",
            ),
        ]

    def __str__(self) -> str:
        return self.name


class Unchangeable(TypeError):
    """Someone tried to change or delete a ledger row; post a reversal instead."""


class AppendOnlyQuerySet(models.QuerySet[M]):
    """Rows that can be added and read, and nothing else."""

    def update(self, **_values: Any) -> int:
        raise Unchangeable("Ledger rows are never changed.")

    def delete(self) -> tuple[int, dict[str, int]]:
        raise Unchangeable("Ledger rows are never deleted.")


class LedgerRow(Record):
    """A row of the ledger; only ever added."""

    objects = AppendOnlyQuerySet.as_manager()

    class Meta:
        abstract = True

    def save(self, *args: Any, **kwargs: Any) -> None:
        if not self._state.adding:
            raise Unchangeable("Ledger rows are never changed.")
        super().save(*args, **kwargs)

    def delete(self, *_args: Any, **_kwargs: Any) -> tuple[int, dict[str, int]]:
        raise Unchangeable("Ledger rows are never deleted.")


class Transfer(LedgerRow):
    """One movement of money; its entries sum to zero. Never changed, only reversed."""

    reference = models.CharField(_("reference"), max_length=120, unique=True)
    kind = models.CharField(_("kind"), max_length=20)
    subject = models.CharField(_("subject"), max_length=80, db_index=True)
    reverses = models.OneToOneField(
        "self", models.PROTECT, null=True, blank=True, related_name="reversed_by"
    )

    class Meta:
        verbose_name = _("transfer")
        verbose_name_plural = _("ledger")

    def __str__(self) -> str:
        return self.reference


class Entry(LedgerRow):
    """One line of a transfer: what an account gained (or, negative, lost), in won."""

    transfer = models.ForeignKey(Transfer, models.PROTECT, related_name="entries")
    # No index of its own: one of more columns begins with it.
    account = models.ForeignKey(Account, models.PROTECT, related_name="entries", db_index=False)
    amount = models.BigIntegerField(_("amount"))

    class Meta:
        verbose_name = _("entry")
        verbose_name_plural = _("entries")
        indexes = [models.Index(fields=["account", "id"], name="entry_account_id")]

    def __str__(self) -> str:
        return f"{self.account_id} {self.amount:+}"


class BankAccount(Record):
    """Where a user is paid out, and what the tax office is told; both only sealed."""

    user = models.OneToOneField(
        settings.AUTH_USER_MODEL,
        models.PROTECT,
        related_name="bank_account",
        verbose_name=_("user"),
    )
    bank = models.CharField(_("bank"), max_length=3)  # the code of 금융결제원
    holder = models.CharField(_("account holder"), max_length=40)
    number = SealedField(_("account number"))
    last4 = models.CharField(_("last 4 digits"), max_length=4)
    resident_number = SealedField(_("resident number"), null=True, blank=True)
    checked_at = models.DateTimeField(_("holder checked at"))
    # The next weekly payout; none for who asks for each.
    payout_at = models.DateTimeField(_("next payout"), null=True, blank=True, db_index=True)

    class Meta:
        verbose_name = _("bank account")
        verbose_name_plural = _("bank accounts")

    def __str__(self) -> str:
        return f"{self.bank} ••••{self.last4}"


class BatchState(models.TextChoices):
    MADE = "made", _("Waits for approval")
    APPROVED = "approved", _("Approved")
    SETTLED = "settled", _("Settled")
    CANCELLED = "cancelled", _("Cancelled")


class PayoutBatch(Record):
    """Payouts that one person put together and another one approves; its rows never change."""

    state = models.CharField(_("state"), max_length=10, choices=BatchState, default=BatchState.MADE)
    made_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, related_name="+", verbose_name=_("made by")
    )
    approved_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("approved by"),
    )
    approved_at = models.DateTimeField(_("approved at"), null=True, blank=True)
    exported_at = models.DateTimeField(_("last exported at"), null=True, blank=True)
    rows = models.PositiveIntegerField(_("payouts"))
    net = models.BigIntegerField(_("to be paid"))
    digest = models.CharField(_("digest of the rows"), max_length=64)

    class Meta:
        verbose_name = _("payout batch")
        verbose_name_plural = _("payout batches")
        permissions = [("finance", "Can make, approve and export payouts, and import results")]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(approved_by__isnull=True)
                | ~models.Q(approved_by=models.F("made_by")),
                name="batch_two_people",
            ),
        ]

    def __str__(self) -> str:
        return f"{timezone.localtime(self.created_at):%Y-%m-%d} {self.digest[:8]}"


class PayoutState(models.TextChoices):
    REQUESTED = "requested", _("Requested")
    BATCHED = "batched", _("Being paid")
    PAID = "paid", _("Paid out")
    FAILED = "failed", _("Failed")


class Payout(Record):
    """Earned money on its way to a bank account, which is kept as it was then; amounts in won."""

    reference = models.CharField(_("reference"), max_length=80, unique=True)
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, related_name="payouts", verbose_name=_("user")
    )
    state = models.CharField(
        _("state"), max_length=10, choices=PayoutState, default=PayoutState.REQUESTED
    )
    gross = models.BigIntegerField(_("gross"))
    income_tax = models.BigIntegerField(_("income tax"))
    local_tax = models.BigIntegerField(_("local income tax"))
    # What the user had laid out for others comes back along with it, and is no income.
    untaxed = models.BigIntegerField(_("expenses paid back"), default=0)
    bank = models.CharField(_("bank"), max_length=3)
    holder = models.CharField(_("account holder"), max_length=40)
    number = SealedField(_("account number"))
    last4 = models.CharField(_("last 4 digits"), max_length=4)
    batch = models.ForeignKey(
        PayoutBatch,
        models.PROTECT,
        null=True,
        blank=True,
        related_name="payouts",
        verbose_name=_("batch"),
    )
    done_at = models.DateTimeField(_("done at"), null=True, blank=True)
    reason = models.CharField(_("reason"), max_length=200, blank=True)

    class Meta:
        verbose_name = _("payout")
        verbose_name_plural = _("payouts")
        indexes = [
            models.Index(fields=["user", "id"], name="payout_user_id"),
            models.Index(fields=["state", "id"], name="payout_state_id"),
            models.Index(fields=["state", "done_at"], name="payout_state_done_at"),
        ]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(gross__gte=0, income_tax__gte=0, local_tax__gte=0)
                & models.Q(untaxed__gte=0)
                & (models.Q(gross__gt=0) | models.Q(untaxed__gt=0)),
                name="payout_amounts",
            ),
        ]

    def __str__(self) -> str:
        return self.reference

    @property
    def withheld(self) -> int:
        return self.income_tax + self.local_tax

    @property
    def net(self) -> int:
        return self.gross - self.withheld + self.untaxed
