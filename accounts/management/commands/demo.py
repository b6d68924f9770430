"""``manage.py demo``: people to look around with, on a development machine only."""

from __future__ import annotations

import datetime as dt
from typing import Any

from allauth.account.models import EmailAddress
from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from accounts.models import RunnerProfile, RunnerState, User
from accounts.services import runner_apply, runner_approve
from common import clock
from common.db import run_in_unit

STAFF = "staff@example.com"
REQUESTER = "requester@example.com"
RUNNER = "runner@example.com"


class Command(BaseCommand):
    help = "Make demo logins: a staff member, a requester, an approved runner. Needs DEBUG."

    def handle(self, *args: Any, **options: Any) -> None:
        if not settings.DEBUG:
            raise CommandError("demo logins are for development: DEBUG is not set")
        password: str = settings.DEMO_STAFF_PASSWORD
        if not password:
            raise CommandError("DEMO_STAFF_PASSWORD is empty")
        staff = person(STAFF, "데모 운영자", password, is_staff=True)
        person(REQUESTER, "데모 의뢰인", password)
        run_in_unit(lambda: may_run(person(RUNNER, "데모 러너", password), by=staff))
        self.stdout.write(f"Staff login   {STAFF}  {password}")
        self.stdout.write(f"Requester     {REQUESTER}  (same password)")
        self.stdout.write(f"Runner        {RUNNER}  (same password)")


def person(email: str, nickname: str, password: str, *, is_staff: bool = False) -> User:
    """Return the person with this address and password, made on first use."""
    user = User.objects.filter(email=email).first()
    if user is None:
        user = User.objects.create_user(
            email, password, nickname=nickname, is_staff=is_staff, is_superuser=is_staff
        )
    elif not user.check_password(password):  # a new hash would end sessions for nothing
        user.set_password(password)
        User.objects.filter(pk=user.pk).update(password=user.password)
    EmailAddress.objects.get_or_create(
        user=user, email=email, defaults={"verified": True, "primary": True}
    )
    return user


def may_run(user: User, *, by: User) -> None:
    """See that ``user`` is an approved runner."""
    now = clock.now()
    profile = RunnerProfile.objects.filter(user=user).first() or runner_apply(
        user=user, birth_date=dt.date(1995, 5, 5), introduction="데모 러너입니다.",
        kinds=["delivery", "purchase", "queue", "help"], max_kg=10, max_bags=2, now=now,
    )  # fmt: skip
    if profile.state == RunnerState.APPLIED:
        runner_approve(profile=profile, by=by, now=now)
