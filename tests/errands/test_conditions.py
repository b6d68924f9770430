from __future__ import annotations

import datetime as dt

import pytest

from accounts.models import User
from common.geo import area_of
from errands import services
from errands.models import AreaCondition
from errands.states import Kind
from tests.conftest import DROPOFF, PICKUP, refused

HOUR = dt.timedelta(hours=1)
HERE = area_of(PICKUP)


def codes(requester: User, now: dt.datetime) -> list[str]:
    quote = services.quote_create(
        requester=requester, kind=Kind.DELIVERY, pickup=PICKUP, pickup_address="서울",
        dropoff=DROPOFF, now=now,
    )  # fmt: skip
    return [line["code"] for line in quote.lines]


def test_bad_weather_is_in_the_quotes_while_it_lasts(
    alice: User, dana: User, now: dt.datetime
) -> None:
    services.area_condition_set(area=HERE, until=now + HOUR, by=dana, now=now)
    assert "weather" in codes(alice, now)
    assert "weather" not in codes(alice, now + HOUR)


def test_saying_it_again_keeps_one_row(alice: User, dana: User, now: dt.datetime) -> None:
    services.area_condition_set(area=HERE, until=now + HOUR, by=dana, now=now)
    again = services.area_condition_set(area=HERE, until=now, by=alice, now=now)
    assert (again.bad_weather_until, again.set_by) == (now, alice)
    assert AreaCondition.objects.count() == 1


@pytest.mark.parametrize("hours", [-1, 73])
def test_not_in_the_past_and_not_for_ever(dana: User, now: dt.datetime, hours: int) -> None:
    with refused("time_out_of_range"):
        services.area_condition_set(area=HERE, until=now + hours * HOUR, by=dana, now=now)
    assert not AreaCondition.objects.exists()
