"""What an early end costs, by the day on which an errand was posted."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cached_property
from typing import Any

from django.conf import settings
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from common.models import Record
from errands.policy import Fault, Outcome, Term
from errands.states import Move, State


class Terms(Record):
    """What early ends cost and what we keep, from ``valid_from`` until the next terms begin.

    ``rows`` holds the table of :mod:`errands.policy`. Once they are near they never change: what
    was agreed on an errand's day holds for it.
    """

    valid_from = models.DateTimeField(_("valid from"), unique=True)
    commission_percent = models.PositiveSmallIntegerField(_("commission (%)"))
    rows = models.JSONField(_("terms"))
    version = models.PositiveIntegerField(default=1)
    set_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.SET_NULL,
        null=True,
        related_name="+",
        verbose_name=_("set by"),
    )

    class Meta:
        verbose_name = _("terms")
        verbose_name_plural = _("terms")
        constraints = [
            models.CheckConstraint(
                condition=models.Q(commission_percent__lte=100), name="terms_commission"
            ),
        ]

    def __str__(self) -> str:
        return f"{timezone.localtime(self.valid_from):%Y-%m-%d %H:%M}"

    @cached_property
    def table(self) -> tuple[Term, ...]:
        return tuple(
            Term(
                Move(row["move"]), State(row["state"]), Fault(row["fault"]), row["after_minutes"],
                Outcome(row["runner_percent"], row["strike"]),
            )
            for row in self.rows
        )  # fmt: skip


def term_rows(terms: Iterable[Term]) -> list[dict[str, Any]]:
    """Return ``terms`` as they are kept in a table's ``rows``."""
    return [
        {
            "move": term.move.value,
            "state": term.state.value,
            "fault": term.fault.value,
            "after_minutes": term.after_minutes,
            **term.outcome._asdict(),
        }
        for term in terms
    ]
