"""Where a runner is going anyway: said, read, replaced, over; and matching knows of it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from typing import Any

import pytest
from rest_framework.test import APIClient

from accounts.models import RunnerProfile, RunnerState, User
from accounts.services import duty_end
from common import clock
from common.geo import REGION, area_around
from dispatch import matching, services, tasks
from dispatch.consumers import RunnerConsumer
from dispatch.models import Corridor
from dispatch.services.inputs import inputs_of
from errands.models import Errand
from tests.conftest import DROPOFF, PICKUP, refused
from tests.dispatch.scene import opened, stand

PATH = "/api/v1/duty/corridor"
HOUR = dt.timedelta(hours=1)
Api = Callable[[User | None], APIClient]


def body(**changes: Any) -> dict[str, Any]:
    until = (clock.now() + 2 * HOUR).isoformat()
    return {
        "destination": DROPOFF._asdict(), "until": until, "most_added_minutes": 15, **changes,
    }  # fmt: skip


def declared(runner: User, *, now: dt.datetime) -> Corridor:
    return services.corridor_declare(
        user=runner, destination=DROPOFF, until=now + 2 * HOUR, most_added_minutes=15, now=now
    )


def known(errand: Errand, now: dt.datetime) -> matching.Corridor | None:
    """What matching knows of the way of the only runner around."""
    inputs = inputs_of(area_around(errand.area, REGION), now=now)
    assert inputs is not None
    (free,) = inputs.free
    return free.corridor


def test_matching_knows_the_way_until_it_is_over(alice: User, bob: User, now: dt.datetime) -> None:
    errand = opened(alice, now=now)
    stand(bob, 100, now=now)
    assert known(errand, now) is None
    declared(bob, now=now)
    assert known(errand, now) == matching.Corridor(DROPOFF, 900.0, 7_200.0)
    later = now + 2 * HOUR
    Errand.objects.filter(pk=errand.pk).update(due_at=later + HOUR)
    stand(bob, 100, now=later)
    assert known(errand, later) is None


def test_saying_it_again_replaces_it(bob: User, now: dt.datetime) -> None:
    declared(bob, now=now)
    services.corridor_declare(
        user=bob, destination=PICKUP, until=now + HOUR, most_added_minutes=5, now=now
    )
    corridor = Corridor.objects.get()
    assert (corridor.destination, corridor.most_added_minutes) == (PICKUP, 5)


def test_it_needs_a_duty_and_ends_with_it(bob: User, now: dt.datetime) -> None:
    declared(bob, now=now)
    services.duty_off(user=bob, now=now)
    assert not Corridor.objects.exists()
    with refused("off_duty"):
        declared(bob, now=now)
    RunnerProfile.objects.filter(user=bob).update(state=RunnerState.PAUSED)
    with refused("runner_paused"):
        declared(bob, now=now)


@pytest.mark.django_db(transaction=True)
def test_it_ends_with_a_duty_that_others_end(bob: User, now: dt.datetime) -> None:
    declared(bob, now=now)
    duty_end(user=bob, now=now)
    assert not Corridor.objects.exists()


def test_one_of_an_earlier_duty_counts_no_more(alice: User, bob: User, now: dt.datetime) -> None:
    """Even where the news of the end was lost."""
    declared(bob, now=now)
    RunnerProfile.objects.filter(user=bob).update(duty_since=now + HOUR / 2)
    later = now + HOUR
    errand = opened(alice, now=later)
    stand(bob, 100, now=later)
    assert known(errand, later) is None


@pytest.mark.parametrize("hours", [0, -1, 13])
def test_not_in_the_past_and_not_tomorrow(bob: User, now: dt.datetime, hours: int) -> None:
    with refused("time_out_of_range"):
        services.corridor_declare(
            user=bob, destination=DROPOFF, until=now + hours * HOUR, most_added_minutes=5, now=now
        )


def test_the_sweep_forgets_what_is_over(bob: User, now: dt.datetime) -> None:
    declared(bob, now=now - 3 * HOUR)
    tasks.sweep_old()
    assert not Corridor.objects.exists()


# --- REST and the socket ---------------------------------------------------------------------
def test_over_rest(bob: User, api: Api) -> None:
    RunnerProfile.objects.filter(user=bob).update(duty_since=clock.now() - HOUR)
    assert api(bob).get(PATH).status_code == 404
    said, headers = body(), {"Idempotency-Key": "way"}
    first, second = (api(bob).put(PATH, said, headers=headers) for _twice in range(2))
    assert (first.status_code, second.json()) == (200, first.json())
    assert second.headers["Idempotent-Replayed"] == "true"
    assert first.json()["destination"] == DROPOFF._asdict()
    assert api(bob).get(PATH).json() == first.json()
    hello = RunnerConsumer({"user": bob, "url_route": {}}, None, None).hello(  # type: ignore[arg-type]
        sequence=0, reset=False
    )
    assert hello.corridor == first.json()
    assert api(bob).delete(PATH).status_code == 204
    assert api(bob).delete(PATH).status_code == 204
    assert api(bob).get(PATH).status_code == 404


@pytest.mark.parametrize(
    "wrong",
    [
        {"most_added_minutes": 0}, {"most_added_minutes": 61}, {"most_added_minutes": "5"},
        {"until": "soon"}, {"destination": {"lat": 35.68, "lng": 139.76}}, {"from": {}},
    ],
)  # fmt: skip
def test_bad_input_is_refused(bob: User, api: Api, wrong: dict[str, Any]) -> None:
    answer = api(bob).put(PATH, body(**wrong))
    assert (answer.status_code, answer["Content-Type"]) == (400, "application/problem+json")
    assert not Corridor.objects.exists()


def test_for_runners_alone(charlie: User, api: Api) -> None:
    assert api(None).get(PATH).status_code == 401
    client = api(charlie)
    answers = [client.get(PATH), client.put(PATH, body()), client.delete(PATH)]
    assert [answer.status_code for answer in answers] == [403, 403, 403]
