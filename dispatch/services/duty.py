"""Going on and off duty, with everything that hangs on it."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from django.utils.translation import gettext_lazy as _

from accounts.models import RunnerProfile, User
from accounts.services import duty_end, duty_start
from common.db import in_one_unit, on_commit
from common.errors import Conflict
from common.geo import Point, area_of
from dispatch import locations
from dispatch.selectors import carried_by
from dispatch.services.closing import matching_ask, offers_withdraw_from
from dispatch.services.corridors import corridor_end
from dispatch.services.messages import turn_take


@in_one_unit
def duty_on(*, user: User, position: Point, now: datetime) -> RunnerProfile:
    """Put a runner on duty at ``position``; errands nearby are offered from now on.

    Raises:
        NotAllowed: as ``accounts.selectors.approved_runner``.
    """
    # As everywhere the turn before the profile: the other way round two units could deadlock.
    turn_take(runner_id=user.pk)
    profile = duty_start(user=user, now=now)
    on_commit(lambda: _appear(user.pk, position, now))
    matching_ask(area_of(position))
    return profile


def _appear(runner_id: UUID, position: Point, now: datetime) -> None:
    """Trust the phone's reports over a start repeated on duty: nobody jumps to another errand."""
    if locations.last(runner_id, now=now) is None:
        locations.place(runner_id, position, now=now)


@in_one_unit
def duty_off(*, user: User, now: datetime) -> None:
    """Take a runner off duty; offers that wait are withdrawn, place and corridor forgotten.

    Raises:
        Conflict: ``still_carrying``, with how many.
    """
    turn_take(runner_id=user.pk)
    carried = carried_by([user.pk]).get(user.pk, [])
    if carried:
        message = _("Finish or give back what you carry first.")
        raise Conflict("still_carrying", message, carried=len(carried))
    duty_end(user=user, now=now)
    offers_withdraw_from(runner_id=user.pk, now=now)
    corridor_end(runner_id=user.pk)
    on_commit(lambda: locations.forget(user.pk))
