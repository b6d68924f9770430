"""What is paid beside the reward."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from common.models import Record
from errands.models.errands import Errand


class Tip(Record):
    """The one tip of an errand, in won: the order that pays for it, and when it was paid."""

    errand = models.OneToOneField(Errand, models.PROTECT, related_name="tip")
    amount = models.BigIntegerField(_("amount"))
    # Of several that were made only the last counts; what the others bring goes back.
    order_id = models.CharField(_("order"), max_length=64, unique=True)
    paid_at = models.DateTimeField(_("paid at"), null=True, blank=True)

    class Meta:
        verbose_name = _("tip")
        verbose_name_plural = _("tips")
        constraints = [
            models.CheckConstraint(condition=models.Q(amount__gt=0), name="tip_amount"),
        ]

    def __str__(self) -> str:
        return f"₩{self.amount}"
