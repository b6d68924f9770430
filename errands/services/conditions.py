"""What staff say about a region for a while."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.utils.translation import gettext_lazy as _

from accounts.models import User
from common.db import in_one_unit
from common.errors import Invalid
from common.geo import REGION, area_around
from errands.models import AreaCondition

LONGEST = timedelta(days=3)


@in_one_unit
def area_condition_set(*, area: str, until: datetime, by: User, now: datetime) -> AreaCondition:
    """Have bad weather in the region of ``area`` until a time; ``until=now`` turns it off.

    Old quotes stand.

    Raises:
        Invalid: ``time_out_of_range`` when ``until`` is past or more than 3 days ahead.
    """
    if not now <= until <= now + LONGEST:
        message = _("The time must lie within the next 3 days.")
        raise Invalid("time_out_of_range", message, field="until")
    region = area_around(area, REGION)
    said = {"bad_weather_until": until, "set_by": by}
    if not AreaCondition.objects.filter(area=region).update(**said):
        AreaCondition.objects.create(area=region, created_at=now, **said)
    return AreaCondition.objects.get(area=region)
