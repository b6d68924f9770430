"""Reads about people that have a name."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any, NamedTuple, Protocol
from uuid import UUID

from django.utils.translation import gettext_lazy as _
from msgspec import Struct
from rest_framework.exceptions import NotAuthenticated

from accounts.models import RunnerProfile, RunnerState, User
from common.errors import NotAllowed, NotFound
from common.prepared import Prepared, prepared_models

NOT_A_RUNNER = ("not_a_runner", _("Apply as a runner first."))


class RunnerRow(Struct):
    state: str
    kinds: list[str]


RUNNERS = Prepared(
    lambda user: RunnerProfile.objects.filter(user_id=user), RunnerRow, RunnerRow.__struct_fields__
)
USER_COLUMNS = tuple(field.attname for field in User._meta.concrete_fields)
USERS = prepared_models(User, USER_COLUMNS, lambda pk: User.objects.filter(pk=pk))


class HasUser(Protocol):
    """A request that authentication has seen."""

    @property
    def user(self) -> Any: ...


def caller(request: HasUser) -> User:
    """Return the logged-in user; in a view that is open to everybody this raises 401."""
    if not isinstance(request.user, User):
        raise NotAuthenticated
    return request.user


def user_with(key: UUID) -> User | None:
    """Return the user with this key, asked for by a query that is compiled already."""
    return next(iter(USERS.rows(pk=key)), None)


def runner_profile_of(user: User) -> RunnerProfile:
    """Return the runner application of ``user``, whatever its state.

    Raises:
        NotAllowed: ``not_a_runner``.
    """
    # Two queries on purpose, here and below: a join is slow where documents are kept.
    profile = RunnerProfile.objects.filter(user_id=user.pk).prefetch_related("user").first()
    if profile is None:
        raise NotAllowed(*NOT_A_RUNNER)
    return profile


def runner_row_of(user: User) -> RunnerRow:
    """Return the little of an application that lists need, by a prepared query.

    Raises:
        NotAllowed: ``not_a_runner``.
    """
    for runner in RUNNERS.rows(user=user.pk):
        return runner
    raise NotAllowed(*NOT_A_RUNNER)


def application_of(user: User) -> RunnerProfile:
    """Return the user's own application, to read it.

    Raises:
        NotFound: ``no_application``.
    """
    profile = RunnerProfile.objects.filter(user_id=user.pk).first()
    if profile is None:
        raise NotFound("no_application", _("You haven't applied as a runner."))
    return profile


def approved_runner(user: User) -> RunnerProfile:
    """Return the profile of someone who may run now, read afresh.

    Raises:
        NotAllowed: ``not_a_runner``, ``runner_not_approved``, ``runner_paused`` or ``banned``.
    """
    profile = runner_profile_of(user)
    _must_run(profile.user, profile.state)
    return profile


def approved_caller(user: User) -> RunnerRow:
    """Do what :func:`approved_runner` does for whom authentication has just read."""
    runner = runner_row_of(user)
    _must_run(user, runner.state)
    return runner


def _must_run(user: User, state: str) -> None:
    if not user.is_active:
        raise NotAllowed("banned", _("This account is blocked."))
    if state == RunnerState.PAUSED:
        raise NotAllowed(
            "runner_paused", _("Running is paused until our staff have looked at your strikes.")
        )
    if state != RunnerState.APPROVED:
        raise NotAllowed("runner_not_approved", _("Your runner application isn't approved yet."))


class OnDuty(NamedTuple):
    """What matters of a runner on duty: there may be thousands, and rows are quicker to read."""

    user_id: UUID
    kinds: list[str]
    max_kg: int
    max_bags: int
    duty_since: datetime | None


def on_duty(user_ids: Iterable[UUID]) -> dict[UUID, OnDuty]:
    """Return those of ``user_ids`` who are approved, not banned and on duty, by user id."""
    profiles = ON_DUTY.rows(ids=list(user_ids))
    banned = set(BANNED.rows(ids=[profile.user_id for profile in profiles]))
    return {profile.user_id: profile for profile in profiles if profile.user_id not in banned}


ON_DUTY = Prepared(
    lambda ids: RunnerProfile.objects.filter(
        user_id__in=ids, on_duty=True, state=RunnerState.APPROVED
    ),
    OnDuty,
    OnDuty._fields,
)
BANNED = Prepared(
    lambda ids: User.objects.filter(pk__in=ids, is_active=False), lambda pk: pk, ["id"]
)
