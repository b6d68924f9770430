"""People: who they are, and who may run."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Any, ClassVar

from django.contrib.auth.models import AbstractBaseUser, BaseUserManager, PermissionsMixin
from django.db import models
from django.utils.translation import gettext_lazy as _

from common.models import Record


class UserManager(BaseUserManager["User"]):
    def create_user(self, email: str, password: str | None = None, **fields: Any) -> User:
        """Make a user; the e-mail is stored lower-cased."""
        user = self.model(email=email.strip().lower(), **fields)
        user.set_password(password)
        user.save(using=self._db)
        return user

    def create_superuser(self, email: str, password: str, **fields: Any) -> User:
        return self.create_user(email, password, is_staff=True, is_superuser=True, **fields)

    def get_by_natural_key(self, username: str | None) -> User:
        return self.get(email=(username or "").strip().lower())


class User(AbstractBaseUser, PermissionsMixin, Record):
    """Anyone who can log in: requesters, runners, staff."""

    email = models.EmailField(_("e-mail"), unique=True)
    nickname = models.CharField(_("nickname"), max_length=30, blank=True)
    is_active = models.BooleanField(_("active"), default=True)
    is_staff = models.BooleanField(_("staff"), default=False)
    banned_at = models.DateTimeField(_("banned at"), null=True, blank=True)
    ban_reason = models.CharField(_("reason for the ban"), max_length=200, blank=True)
    # Part of what every session is signed with: counting up ends all of them at once.
    session_epoch = models.PositiveIntegerField(default=0, editable=False)

    objects: ClassVar[UserManager] = UserManager()

    USERNAME_FIELD = "email"
    EMAIL_FIELD = "email"

    class Meta:
        verbose_name = _("user")
        verbose_name_plural = _("users")

    def __str__(self) -> str:
        return self.nickname or self.email

    def save(self, *args: Any, **kwargs: Any) -> None:
        # allauth saves users without our manager; one spelling makes the constraint enough.
        self.email = self.email.lower()
        super().save(*args, **kwargs)

    def get_session_auth_hash(self) -> str:
        return self._bound_to_epoch(super().get_session_auth_hash())

    def get_session_auth_fallback_hash(self) -> Iterator[str]:
        for fallback in super().get_session_auth_fallback_hash():
            yield self._bound_to_epoch(fallback)

    def _bound_to_epoch(self, session_hash: str) -> str:
        signed = f"{session_hash}:{self.session_epoch}"
        return hashlib.sha256(signed.encode()).hexdigest()


class RunnerState(models.TextChoices):
    APPLIED = "applied", _("Applied")
    APPROVED = "approved", _("Approved")
    REJECTED = "rejected", _("Rejected")
    PAUSED = "paused", _("Paused")


class RunnerProfile(Record):
    """A person's application to run, its review, and whether they are on duty now."""

    user = models.OneToOneField(User, models.CASCADE, related_name="runner_profile")
    state = models.CharField(
        _("state"), max_length=10, choices=RunnerState, default=RunnerState.APPLIED
    )
    birth_date = models.DateField(_("date of birth"))
    introduction = models.CharField(_("introduction"), max_length=300, blank=True)
    kinds = models.JSONField(_("errand kinds"), default=list)
    max_kg = models.PositiveSmallIntegerField(_("carries up to (kg)"), default=10)
    max_bags = models.PositiveSmallIntegerField(_("carries up to (bags)"), default=2)
    on_duty = models.BooleanField(_("on duty"), default=False)
    duty_since = models.DateTimeField(_("on duty since"), null=True, blank=True)
    strike_count = models.PositiveIntegerField(_("strikes so far"), default=0, editable=False)
    reviewed_by = models.ForeignKey(
        User,
        models.SET_NULL,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("reviewed by"),
    )
    reviewed_at = models.DateTimeField(_("reviewed at"), null=True, blank=True)
    review_note = models.CharField(_("review note"), max_length=300, blank=True)

    class Meta:
        verbose_name = _("runner application")
        verbose_name_plural = _("runner applications")
        indexes = [
            models.Index(fields=["state", "id"], name="runner_state_id"),
            models.Index(fields=["on_duty", "id"], name="runner_on_duty_id"),
        ]

    def __str__(self) -> str:
        return str(self.user)


class Strike(Record):
    """A dropped or failed errand that was the runner's fault; three in 14 days pause duty."""

    runner = models.ForeignKey(User, models.CASCADE, related_name="strikes")
    reference = models.CharField(_("reference"), max_length=64)
    reason = models.CharField(_("reason"), max_length=40)

    class Meta:
        verbose_name = _("strike")
        verbose_name_plural = _("strikes")
        constraints = [
            models.UniqueConstraint(fields=["runner", "reference"], name="strike_once"),
        ]

    def __str__(self) -> str:
        return f"{self.reference} {self.reason}"
