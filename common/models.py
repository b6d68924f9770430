"""What every table of ours has in common; answered requests; tasks that failed for good."""

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


class Cause(models.TextChoices):
    """Why a task will not be tried again by itself."""

    FAILED = "failed", _("failed")
    KILLED = "killed", _("killed its worker")
    UNKNOWN = "unknown", _("unknown task")
    UNREADABLE = "unreadable", _("unreadable")
    REJECTED = "rejected", _("rejected")


class DeadLetter(Record):
    """A message that no worker could make use of, as it was, with its newest death."""

    identity = models.CharField(_("task id"), max_length=200, unique=True)
    task = models.CharField(_("task"), max_length=200, blank=True)
    queue = models.CharField(_("queue"), max_length=100, blank=True)
    cause = models.CharField(_("cause"), max_length=20, choices=Cause.choices)
    error = models.TextField(_("error"), blank=True)
    arguments = models.TextField(_("arguments"), blank=True)
    headers = models.JSONField()
    body = models.BinaryField()
    content_type = models.CharField(max_length=100, blank=True)
    content_encoding = models.CharField(max_length=100, blank=True)
    deaths = models.PositiveIntegerField(_("deaths"), default=1)
    died_at = models.DateTimeField(_("died at"))
    replayed_at = models.DateTimeField(_("replayed at"), null=True, blank=True)

    class Meta:
        verbose_name = _("dead letter")
        verbose_name_plural = _("dead letters")
        indexes = [
            models.Index(fields=["died_at", "id"], name="dead_letter_died_at_id"),
            models.Index(
                fields=["replayed_at", "died_at", "id"], name="dead_letter_replayed_died_id"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.task or self.get_cause_display()} {self.identity}"
