"""What every table of ours has in common, and the record of answered requests."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from common import clock
from common.ids import UUID7Field


class Record(models.Model):
    """A row with a time-ordered key; newest last when sorted by it."""

    id = UUID7Field()
    created_at = models.DateTimeField(_("created at"), default=clock.now, editable=False)

    class Meta:
        abstract = True


class AnsweredRequest(Record):
    """The first answer to an Idempotency-Key, written in the same unit as its effects."""

    owner = models.CharField(max_length=64)
    key = models.CharField(max_length=200)
    fingerprint = models.CharField(max_length=64)
    status = models.PositiveSmallIntegerField(null=True)
    body = models.JSONField(null=True)
    expires_at = models.DateTimeField(db_index=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["owner", "key"], name="answered_request_once"),
        ]

    def __str__(self) -> str:
        return self.key
