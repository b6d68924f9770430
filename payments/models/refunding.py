"""Money that staff give back: who asked, who decided, and how much a person gave back in a day."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from common.models import Record
from payments.models.books import Payment


class StaffRefundState(models.TextChoices):
    WAITING = "waiting", _("Waits for a second person")
    GIVEN = "given", _("Paid back")
    REFUSED = "refused", _("Refused")


class StaffRefund(Record):
    """A refund that a person of the staff asked for. ``seen`` is what had been refunded by then.

    ``key`` is taken by one that waits or was given: the same refund asked for twice is one.
    """

    key = models.CharField(max_length=100, unique=True)
    payment = models.ForeignKey(
        Payment, models.PROTECT, related_name="staff_refunds", verbose_name=_("payment")
    )
    seen = models.BigIntegerField()
    amount = models.BigIntegerField(_("amount"))
    reason = models.CharField(_("reason"), max_length=200)
    state = models.CharField(
        _("state"), max_length=10, choices=StaffRefundState, default=StaffRefundState.WAITING
    )
    source = models.CharField(_("paid by"), max_length=100, blank=True)  # the account
    asked_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, related_name="+", verbose_name=_("asked by")
    )
    decided_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("decided by"),
    )
    decided_at = models.DateTimeField(_("decided at"), null=True, blank=True)

    class Meta:
        verbose_name = _("staff refund")
        verbose_name_plural = _("staff refunds")
        permissions = [("give_refund", "Can give money back, alone within the limit of the role")]
        indexes = [models.Index(fields=["state", "id"], name="staff_refund_state_id")]
        constraints = [
            models.CheckConstraint(condition=models.Q(amount__gt=0), name="staff_refund_amount"),
            models.CheckConstraint(
                condition=models.Q(decided_by__isnull=True)
                | ~models.Q(decided_by=models.F("asked_by")),
                name="staff_refund_two_people",
            ),
        ]

    def __str__(self) -> str:
        return self.key


class RefundDay(Record):
    """What one person gave back alone on one day, by the clock of Seoul, in won."""

    person = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")
    day = models.DateField(_("day"))
    spent = models.BigIntegerField(_("given back"))

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["person", "day"], name="refund_day_once"),
        ]

    def __str__(self) -> str:
        return f"{self.person_id} {self.day} {self.spent}"
