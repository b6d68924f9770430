"""People, errands and tickets, put into the database in bulk. Runs where models are known.

What a benchmark needs to be there before it begins, not what it measures: only the rows that the
measured paths read.
"""

from __future__ import annotations

import datetime as dt
import random
import time
from collections.abc import Iterator, Sequence
from itertools import cycle
from typing import Any
from uuid import UUID

from django.conf import settings
from django.contrib.auth.hashers import make_password

from accounts.models import RunnerProfile, RunnerState, User
from accounts.tickets import issue
from common import clock
from common.geo import METRES_PER_DEGREE, Point, area_of
from dispatch import locations
from dispatch.audit import audit
from dispatch.models import TrailPoint
from errands.models import Errand, Quote
from errands.pricing import service_fee
from errands.states import Kind, State

CENTRE = Point(37.5326, 127.0246)  # of Seoul, on the river
SPREAD_M = 10_000  # half a side of the square that people are spread over
WALK = 0.003  # degrees from a pickup to its drop-off
LONG_AGO = dt.timedelta(hours=13)  # before the first point of `load.positions.Walk`
AT_ONCE = 500
REWARD = 5_000


def hire(count: int, name: str = "runner", spread_m: float = SPREAD_M) -> list[str]:
    """Make ``count`` approved runners, on duty and on the map; return their ids."""
    now = clock.now()
    people = _people(name, count)
    RunnerProfile.objects.bulk_create(
        (
            RunnerProfile(
                user=user, state=RunnerState.APPROVED, birth_date=dt.date(1995, 3, 1),
                kinds=[kind.value for kind in Kind], on_duty=True, duty_since=now,
            )
            for user in people
        ),
        batch_size=AT_ONCE,
    )  # fmt: skip
    for user, point in zip(people, places(count, spread_m), strict=True):
        locations.place(user.pk, point, now=now)
    return [user.pk.hex for user in people]


def requesters(count: int) -> list[str]:
    """Make people who ask; return their ids."""
    return [user.pk.hex for user in _people("requester", count)]


def post(count: int, requester: str, spread_m: float = SPREAD_M) -> list[str]:
    """Put open errands around the centre; return their ids."""
    asked = (_asked(point) for point in places(count, spread_m, seed=2))
    return _store(asked, requester, state=State.OPEN)


def assign(runners: Sequence[str], requester: str) -> list[tuple[str, str]]:
    """Give each runner an errand to carry; return its id and the token of its tracking link."""
    asked = (
        {**_asked(CENTRE), "runner_id": UUID(runner), "accepted_at": clock.now() - LONG_AGO}
        for runner in runners
    )
    ids = _store(asked, requester, state=State.ASSIGNED)
    tokens = dict(Errand.objects.filter(pk__in=ids).values_list("pk", "tracking_token"))
    return [(each, tokens[UUID(each)]) for each in ids]


def tickets(users: Sequence[str]) -> list[str]:
    """Issue a ticket for each, good for half a minute."""
    return [issue(UUID(user)) for user in users]


def centre() -> Point:
    return CENTRE


def stored(runners: Sequence[str]) -> list[Point]:
    """Where Redis has each runner, however long ago the phone was there."""
    found = positions(runners)
    return [found[UUID(runner)] for runner in runners]


def keep_on_the_map(runners: Sequence[str], seconds: float) -> None:
    """Have those without a phone seen often enough to be asked."""
    until = time.monotonic() + seconds
    at = list(positions(runners).items())
    pause = settings.POSITION_FRESH_S / 2 / max(1, len(at))
    for runner, point in cycle(at):
        if time.monotonic() > until:
            return
        locations.place(runner, point, now=clock.now())
        time.sleep(pause)


def positions(runners: Sequence[str]) -> dict[UUID, Point]:
    ids = [UUID(runner) for runner in runners]
    return locations.positions_of(ids, now=clock.now() - LONG_AGO)


def trail_points() -> int:
    return TrailPoint.objects.count()


def findings() -> list[str]:
    """Audit every errand and every won."""
    return [" ".join(finding) for finding in audit(now=clock.now()).findings]


def places(count: int, spread_m: float, seed: int = 1) -> Iterator[Point]:
    """Evenly spread points, the same ones each time."""
    dice = random.Random(seed)  # noqa: S311
    lat = spread_m / METRES_PER_DEGREE
    for _number in range(count):
        yield Point(
            CENTRE.lat + dice.uniform(-lat, lat), CENTRE.lng + 1.26 * dice.uniform(-lat, lat)
        )


def _people(name: str, count: int) -> list[User]:
    no_password = make_password(None)
    return User.objects.bulk_create(
        (
            User(
                email=f"{name}{number}@example.com",
                nickname=f"{name}{number}",
                password=no_password,
            )
            for number in range(count)
        ),
        batch_size=AT_ONCE,
    )


def _asked(pickup: Point) -> dict[str, Any]:
    return {
        "kind": Kind.DELIVERY.value,
        "pickup_lat": pickup.lat,
        "pickup_lng": pickup.lng,
        "pickup_address": "2번 출구",
        "dropoff_lat": pickup.lat + WALK,
        "dropoff_lng": pickup.lng + WALK,
        "dropoff_address": "도서관",
    }


def _store(rows: Iterator[dict[str, Any]], requester: str, *, state: State) -> list[str]:
    now = clock.now()
    lines = [{"code": "base", "amount": REWARD}]
    errands = [
        Errand(
            **asked, requester_id=UUID(requester), state=state.value, title="케이크 픽업",
            version=2, area=area_of(Point(asked["pickup_lat"], asked["pickup_lng"])),
            lines=lines, reward=REWARD, walking_minutes=8.0, opened_at=now,
            service_fee=service_fee(REWARD, percent=settings.COMMISSION_PERCENT),
            quote=Quote(
                **{name: asked[name] for name in Quote.ASKED if name in asked}, lines=lines,
                requester_id=UUID(requester), reward_floor=REWARD, walking_minutes=8.0,
                total_minutes=20.0, expires_at=now + settings.QUOTE_LIFE,
            ),
        )
        for asked in rows
    ]  # fmt: skip
    Quote.objects.bulk_create((errand.quote for errand in errands), batch_size=AT_ONCE)
    Errand.objects.bulk_create(errands, batch_size=AT_ONCE)
    return [errand.pk.hex for errand in errands]
