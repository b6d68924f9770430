"""What a run knows of promises, stays and shops."""

from __future__ import annotations

import datetime as dt
import math

import pytest

from accounts.models import RunnerProfile, User
from common.geo import REGION, area_around
from dispatch.matching import Free, Wanted
from dispatch.policy import promised_at
from dispatch.services.inputs import inputs_of
from errands.models import Errand
from errands.states import Kind, State
from tests.conftest import DROPOFF, PICKUP, walk
from tests.dispatch.scene import opened, stand

MINUTE = dt.timedelta(minutes=1)


def read(errand: Errand, now: dt.datetime) -> tuple[list[Wanted], Free]:
    inputs = inputs_of(area_around(errand.area, REGION), now=now)
    assert inputs is not None
    (free,) = inputs.free
    return inputs.wanted, free


def test_a_deadline_is_a_promise_and_the_lapse_of_two_hours_is_none(
    alice: User, bob: User, now: dt.datetime
) -> None:
    stand(bob, 100, now=now)
    opened(alice, now=now)
    promised = opened(alice, now=now, deadline_at=now + 40 * MINUTE)
    wanted, _free = read(promised, now)
    assert [each.due_s for each in wanted] == [math.inf, 2_400]


def test_times_at_the_places_and_the_same_shop(alice: User, bob: User, now: dt.datetime) -> None:
    stand(bob, 100, now=now)
    errand = opened(alice, now=now, expected_minutes=8, starts_at=now + 10 * MINUTE)
    opened(alice, now=now, kind=Kind.HELP, expected_minutes=30)
    (one, other), _free = read(errand, now)
    assert (one.pickup_service_s, one.dropoff_service_s, one.ready_s) == (600, 120, 600)
    assert (other.pickup_service_s, other.dropoff_service_s, other.ready_s) == (1_920, 0, 0)
    assert one.origin == other.origin == PICKUP


def test_what_is_carried_has_promised_times_at_its_end(
    alice: User, bob: User, now: dt.datetime
) -> None:
    RunnerProfile.objects.filter(user=bob).update(max_kg=30, max_bags=10)
    walk(opened(alice, now=now, deadline_at=now + 50 * MINUTE), bob, State.ASSIGNED, now=now)
    walk(opened(alice, now=now), bob, State.PICKED_UP, now=now)
    errand = opened(alice, now=now)
    later = now + 10 * MINUTE
    stand(bob, 0, now=later)
    _wanted, free = read(errand, later)
    assert free.carried == 2
    assert [visit.point for visit in free.stops] == [PICKUP, DROPOFF, DROPOFF]
    assert sorted(visit.due_s for visit in free.stops) == [40 * 60, 50 * 60, math.inf]
    assert free.stops[0].due_s == math.inf
    assert {visit.service_s for visit in free.stops} == {420, 120}


def test_what_is_brought_back_has_promised_nothing(
    alice: User, bob: User, now: dt.datetime
) -> None:
    carried = walk(opened(alice, now=now), bob, State.PICKED_UP, now=now)
    Errand.objects.filter(pk=carried.pk).update(state=State.RETURNING)
    errand = opened(alice, now=now)
    stand(bob, 0, now=now)
    _wanted, free = read(errand, now)
    assert [(visit.point, visit.due_s) for visit in free.stops] == [(PICKUP, math.inf)]


@pytest.mark.parametrize(("minutes", "promised"), [(10, 60), (30, 60), (45, 90)])
def test_without_a_deadline_twice_its_own_minutes(
    now: dt.datetime, minutes: float, promised: float
) -> None:
    assert promised_at(None, accepted_at=now, minutes=minutes) == now + promised * MINUTE
    deadline = now + MINUTE
    assert promised_at(deadline, accepted_at=now, minutes=minutes) == deadline
