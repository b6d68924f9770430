"""What a socket reads from the database: may it go on, where it stands, what it has missed.

One query more than asked for tells whether the gap is too large to send.
"""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db.models import QuerySet
from django.utils.translation import gettext_lazy as _

from accounts.models import User
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
    roles = {errand.runner_id: Role.RUNNER, errand.requester_id: Role.REQUESTER}
    role = roles.get(user.pk) or (Role.STAFF if user.is_staff else None)
    if role is None:
        raise NotFound
    return errand, role


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
    if errand.ended_at and errand.ended_at + settings.TRACKING_LINK_LIFE <= now:
        raise NotFound
    return errand


def errand_missed(errand_id: UUID, *, after: int) -> list[dict[str, Any]]:
    """Return the events that follow number ``after``, at most one more than a whole gap."""
    rows: QuerySet[ErrandEvent] = ErrandEvent.objects.filter(
        errand_id=errand_id, sequence__gt=after
    )
    return [plain(errand_event(row)) for row in rows.order_by("sequence")[: MAX_GAP + 1]]
