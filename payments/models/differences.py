"""What did not agree when the books were compared, until somebody has seen to it."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from common.models import Record


class DifferenceKind(models.TextChoices):
    """What was compared with the books."""

    PAYMENT = "payment", _("A payment at the gateway")
    CANCEL = "cancel", _("A refund at the gateway")
    ESCROW = "escrow", _("What escrow has to hold")
    BALANCE = "balance", _("A kept balance")
    REFUNDS = "refunds", _("Refunds under way")
    PAYOUTS = "payouts", _("Payouts under way")
    TAX = "tax", _("Tax payable")


class DifferenceState(models.TextChoices):
    OPEN = "open", _("Not settled yet")
    SETTLED = "settled", _("Settled by an entry")
    DISMISSED = "dismissed", _("Dismissed")
    GONE = "gone", _("Gone by itself")


class Difference(Record):
    """Our books have ``found`` won where there should be ``expected``; never corrected silently.

    ``moves`` is the entry that would settle it: pairs of an account's name and what it gains.
    Empty where no entry can.
    """

    key = models.CharField(max_length=220, unique=True)  # so that a second look adds nothing
    kind = models.CharField(_("kind"), max_length=10, choices=DifferenceKind)
    subject = models.CharField(_("subject"), max_length=100)
    day = models.DateField(_("day"))
    expected = models.BigIntegerField(_("expected"))
    found = models.BigIntegerField(_("in our books"))
    moves = models.JSONField(_("suggested entry"), default=list)
    state = models.CharField(
        _("state"), max_length=10, choices=DifferenceState, default=DifferenceState.OPEN
    )
    closed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("closed by"),
    )
    closed_at = models.DateTimeField(_("closed at"), null=True, blank=True)
    reason = models.CharField(_("reason"), max_length=200, blank=True)

    class Meta:
        verbose_name = _("difference")
        verbose_name_plural = _("differences")
        indexes = [
            models.Index(fields=["state", "id"], name="difference_state_id"),
            models.Index(fields=["subject", "kind"], name="difference_subject_kind"),
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} · {self.subject}"

    @property
    def missing(self) -> int:
        """What our books lack, in won; negative for too much."""
        return self.expected - self.found

    @property
    def reference(self) -> str:
        """How the ledger knows the entry that settles it."""
        return f"adjust:{self.pk}"
