"""A runner says where he is going anyway: errands on that way are offered first."""

from __future__ import annotations

from datetime import datetime, timedelta
from uuid import UUID

from django.utils.translation import gettext_lazy as _

from accounts.models import User
from accounts.selectors import approved_runner
from common.db import in_one_unit, on_commit
from common.errors import Conflict, Invalid
from common.geo import Point
from dispatch import locations
from dispatch.models import Corridor
from dispatch.services.messages import turn_take

LONGEST = timedelta(hours=12)


@in_one_unit
def corridor_declare(
    *, user: User, destination: Point, until: datetime, most_added_minutes: int, now: datetime
) -> Corridor:
    """Say that a runner on duty is going to ``destination``; it takes the place of an earlier one.

    It ends by itself at ``until``, and with the duty.

    Raises:
        NotAllowed: may not run now. Conflict: ``off_duty``.
        Invalid: ``time_out_of_range`` when ``until`` is past or more than 12 hours ahead.
    """
    # As everywhere the turn before the profile.
    turn_take(runner_id=user.pk)
    if not approved_runner(user).on_duty:
        raise Conflict("off_duty", _("Go on duty first."))
    if not now < until <= now + LONGEST:
        message = _("The time must lie within the next 12 hours.")
        raise Invalid("time_out_of_range", message, field="until")
    said = {
        "lat": destination.lat, "lng": destination.lng, "until": until,
        "most_added_minutes": most_added_minutes, "created_at": now,
    }  # fmt: skip
    if not Corridor.objects.filter(runner=user).update(**said):
        Corridor.objects.create(runner=user, **said)
    on_commit(lambda: locations.note_under_way([user.pk], now=now))
    return Corridor.objects.get(runner=user)


@in_one_unit
def corridor_end(*, runner_id: UUID) -> None:
    """Forget where a runner was going, if that is known."""
    Corridor.objects.filter(runner_id=runner_id).delete()
