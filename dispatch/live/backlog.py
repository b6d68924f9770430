"""What a socket reads from the database: may it go on, where it stands, what it has missed.

One query more than asked for tells whether the gap is too large to send.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Collection
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from django.conf import settings
from django.db.models import QuerySet
from django.utils.translation import gettext_lazy as _

from accounts.models import RunnerProfile, RunnerState, User
from accounts.selectors import approved_runner
from common.errors import NotAllowed, NotFound
from dispatch.live.messages import errand_event, plain, runner_message
from dispatch.models import RunnerMessage, RunnerStream
from dispatch.protocol import MAX_GAP, Carried, RunnerHello
from errands.models import Errand, ErrandEvent
from errands.states import UNDERWAY, Role

TOKEN = re.compile(r"[\w-]{1,40}", re.ASCII)


def present_user(user: User) -> User:
    """Read the user again: an account that was blocked meanwhile may not go on."""
    found = User.objects.filter(pk=user.pk, is_active=True).first()
    if found is None:
        raise NotAllowed("not_authenticated", _("Please log in again."))
    return found


def present_users(ids: Collection[UUID]) -> dict[UUID, bool]:
    """Return those of ``ids`` who are not blocked, and whether they are staff."""
    present = User.objects.filter(pk__in=list(ids), is_active=True)
    return dict(present.values_list("pk", "is_staff"))


def runner_last(user: User) -> int:
    """Return the number of the last message to a runner.

    A paused runner keeps the channel: the errands already carried have to be finished.

    Raises:
        NotAllowed: ``not_authenticated``, ``not_a_runner``, ``runner_not_approved``.
    """
    user = present_user(user)
    try:
        approved_runner(user)
    except NotAllowed as refusal:
        if refusal.code != "runner_paused":
            raise
    return RunnerStream.objects.filter(pk=user.pk).values_list("last", flat=True).first() or 0


class RunnerStanding(NamedTuple):
    """Where a runner's channel stands, and what reports need to know of the runner."""

    last: int
    on_duty: bool
    carried: frozenset[tuple[UUID, int]]  # errands and their versions


def runners_standing(ids: Collection[UUID]) -> dict[UUID, RunnerStanding]:
    """Return how those of ``ids`` stand who may keep their channel, as :func:`runner_last` asks."""
    present = present_users(ids)
    kept = RunnerProfile.objects.filter(
        user_id__in=list(present), state__in=(RunnerState.APPROVED, RunnerState.PAUSED)
    )
    streams = RunnerStream.objects.filter(pk__in=list(present))
    last = dict(streams.values_list("pk", "last"))
    carried: dict[UUID | None, set[tuple[UUID, int]]] = defaultdict(set)
    underway = Errand.objects.filter(runner_id__in=list(present), state__in=UNDERWAY)
    for runner_id, errand_id, version in underway.values_list("runner_id", "pk", "version"):
        carried[runner_id].add((errand_id, version))
    return {
        user_id: RunnerStanding(last.get(user_id, 0), on_duty, frozenset(carried[user_id]))
        for user_id, on_duty in kept.values_list("user_id", "on_duty")
    }


def runner_missed(user: User, *, after: int) -> list[dict[str, Any]]:
    """Return the messages that follow number ``after``, at most one more than a whole gap."""
    rows = RunnerMessage.objects.filter(runner_id=user.pk, sequence__gt=after)
    return [runner_message(row) for row in rows.order_by("sequence")[: MAX_GAP + 1]]


def runner_hello(
    user: User, *, sequence: int, reset: bool, on_duty: bool, corridor: dict[str, Any] | None,
    offers: list[dict[str, Any]],
) -> RunnerHello:  # fmt: skip
    """Describe the runner's present: duty, ``offers`` that wait for an answer, errands carried."""
    carried = Errand.objects.filter(runner_id=user.pk, state__in=UNDERWAY).order_by("id")
    return RunnerHello(
        sequence=sequence,
        on_duty=on_duty,
        corridor=corridor,
        offers=offers,
        errands=[
            Carried(errand_id=errand.pk, state=errand.state, errand_sequence=errand.version)
            for errand in carried
        ],
        reset=reset,
    )


def errand_watched(errand_id: UUID, user: User) -> tuple[Errand, Role]:
    """Return an errand for its requester, its present runner or staff, and as whom they see it.

    Raises:
        NotFound: to anybody else it does not exist. NotAllowed: ``not_authenticated``.
    """
    user = present_user(user)
    errand = Errand.objects.filter(pk=errand_id).first()
    if errand is None:
        raise NotFound
    role = role_in(errand, user.pk, is_staff=user.is_staff)
    if role is None:
        raise NotFound
    return errand, role


def role_in(errand: Errand | ErrandStanding, user_id: UUID, *, is_staff: bool) -> Role | None:
    """Return as whom a user sees an errand."""
    roles = {errand.runner_id: Role.RUNNER, errand.requester_id: Role.REQUESTER}
    return roles.get(user_id) or (Role.STAFF if is_staff else None)


def tracked_errand(token: str, *, now: datetime) -> Errand:
    """Return the errand behind a public link, until 24 h after its end.

    Raises:
        NotFound
    """
    # What no link can hold is not even looked up: PostgreSQL breaks off at a NUL.
    if not TOKEN.fullmatch(token):
        raise NotFound
    errand = Errand.objects.filter(tracking_token=token).first()
    if errand is None:
        raise NotFound
    if link_is_over(errand.ended_at, now=now):
        raise NotFound
    return errand


class ErrandStanding(NamedTuple):
    """Where an errand stands, whose it is, and until when its link leads to it."""

    version: int
    requester_id: UUID
    runner_id: UUID | None
    ended_at: datetime | None


def errands_standing(ids: Collection[UUID]) -> dict[UUID, ErrandStanding]:
    rows = Errand.objects.filter(pk__in=list(ids))
    found = rows.values_list("pk", "version", "requester_id", "runner_id", "ended_at")
    return {row[0]: ErrandStanding(*row[1:]) for row in found}


def link_is_over(ended_at: datetime | None, *, now: datetime) -> bool:
    """Tell whether an errand's end is so long ago that its public link leads nowhere."""
    return ended_at is not None and ended_at + settings.TRACKING_LINK_LIFE <= now


def errand_missed(errand_id: UUID, *, after: int) -> list[dict[str, Any]]:
    """Return the events that follow number ``after``, at most one more than a whole gap."""
    rows: QuerySet[ErrandEvent] = ErrandEvent.objects.filter(
        errand_id=errand_id, sequence__gt=after
    )
    return [plain(errand_event(row)) for row in rows.order_by("sequence")[: MAX_GAP + 1]]
