"""People, and the errands between them, spread over three months and over Seoul."""

from __future__ import annotations

import datetime as dt
import gc
import random
from collections.abc import Iterator
from itertools import cycle
from typing import Any

from allauth.account.models import EmailAddress

from accounts.models import RunnerProfile, RunnerState, User
from common.geo import REGION, Point, area_of
from dispatch.models import Corridor
from errands.models import AreaCondition, Errand, Quote, Terms
from errands.states import TWO_PLACES, UNDERWAY, Kind, Role, State
from tests.scale.town.cart import Cart
from tests.scale.town.payday import paid_out
from tests.scale.town.roads import ENDS, LIVES, kind_for, road
from tests.scale.town.shapes import Size, Town
from tests.scale.town.stories import Stories

PAST = dt.timedelta(days=90)
LATELY = dt.timedelta(minutes=100)
FRESH = dt.timedelta(days=2)
ON_DUTY_EVERY = 3
SOMEWHERE = area_of(Point(37.56, 126.98), REGION)
DUE = {
    State.AWAITING_PAYMENT: dt.timedelta(minutes=10),
    State.OPEN: dt.timedelta(hours=1),
    State.DELIVERED: dt.timedelta(hours=20),
}


def load(size: Size, *, now: dt.datetime) -> Town:
    """Store a town of ``size`` as it is at ``now``, and return it."""
    gc.disable()  # nothing of this is garbage, and looking for it takes a third of the time
    try:
        return _Builder(size, now).build()
    finally:
        gc.enable()


class _Builder:
    def __init__(self, size: Size, now: dt.datetime) -> None:
        self.size, self.now = size, now
        self.dice = random.Random(1)
        self.cart = Cart()
        self.requesters = [_person("requester", n) for n in range(size.requesters)]
        self.runners = [_person("runner", n) for n in range(size.runners)]
        self.on_duty = self.runners[::ON_DUTY_EVERY]
        self.hands = cycle(self.on_duty)

    def build(self) -> Town:
        profiles = [_profile(user, n, self.now) for n, user in enumerate(self.runners)]
        people = [*self.requesters, *self.runners]
        weather = AreaCondition(area=SOMEWHERE, bad_weather_until=self.now, set_by=people[0])
        terms = Terms(valid_from=self.now + PAST, commission_percent=10, rows=[], set_by=people[0])
        self.cart.put(*people, *profiles, *map(_address, people), weather, terms)
        self.cart.put(*map(self._corridor, self.on_duty))
        stories = Stories(self.cart, self.on_duty, self.now)
        errands = list(self._errands())
        self.cart.put(*(errand.quote for errand in errands), *errands)
        for number, errand in enumerate(errands):
            fresh = errand.created_at > self.now - FRESH
            alices = errand.requester is self.requesters[0]
            if fresh or alices or number % self.size.storied == 0:
                stories.tell(errand)
        stories.end()
        self.cart.put(*paid_out(self.size, self.runners, people[:2], self.now))
        self.cart.unload()
        return Town(self.now, self.requesters, self.runners, errands, self.on_duty)

    def _corridor(self, runner: User) -> Corridor:
        until = self.now + dt.timedelta(hours=1)
        return Corridor(runner=runner, lat=37.56, lng=126.98, most_added_minutes=15, until=until)

    def _errands(self) -> Iterator[Errand]:
        ended = self.size.errands - self.size.live
        for number in range(ended):
            at = self.now - LATELY - PAST * (1 - number / ended)
            yield self._errand(number, ENDS[number % len(ENDS)], at)
        for number in range(self.size.live):
            at = self.now - LATELY * (1 - number / self.size.live)
            yield self._errand(number, LIVES[number % len(LIVES)], at)

    def _errand(self, number: int, state: State, at: dt.datetime) -> Errand:
        kind = kind_for(state, number)
        steps = road(state, kind)
        taken = any(step.role == Role.RUNNER for step in steps)
        asked = self._asked(kind, at)
        requester = self._busy(self.requesters)
        reward = 5_000 + number % 50 * 100
        return Errand(
            **asked, requester=requester, runner=self._runner(state) if taken else None,
            quote=Quote(
                **asked, requester=requester, lines=_lines(reward), reward_floor=reward,
                walking_minutes=12.0, total_minutes=30.0, expires_at=at + dt.timedelta(minutes=15),
            ),
            state=state, version=len(steps), title=f"심부름 {number}", lines=_lines(reward),
            area=area_of(Point(asked["pickup_lat"], asked["pickup_lng"])), reward=reward,
            service_fee=reward // 10, walking_minutes=12.0, **_times(state, at, taken, self.now),
        )  # fmt: skip

    def _asked(self, kind: Kind, at: dt.datetime) -> dict[str, Any]:
        """Where and when; a place to bring it to lies within a walk."""
        lat, lng = self.dice.uniform(37.43, 37.70), self.dice.uniform(126.80, 127.18)
        two = kind in TWO_PLACES
        return {
            "kind": kind,
            "created_at": at,
            "pickup_lat": lat,
            "pickup_lng": lng,
            "pickup_address": "서울 어딘가 1",
            "dropoff_lat": lat + 0.005 if two else None,
            "dropoff_lng": lng + 0.005 if two else None,
            "dropoff_address": "서울 어딘가 2" if two else "",
        }

    def _runner(self, state: State) -> User:
        """Who carries something is on duty, and carries little; of the past some did most."""
        return next(self.hands) if state in UNDERWAY else self._busy(self.runners)

    def _busy(self, people: list[User]) -> User:
        return people[int(len(people) * self.dice.random() ** 2)]


def _person(what: str, number: int) -> User:
    return User(email=f"{what}{number}@example.com", nickname=f"{what}{number}", password="!")


def _address(user: User) -> EmailAddress:
    return EmailAddress(user=user, email=user.email, verified=True, primary=True)


def _profile(user: User, number: int, now: dt.datetime) -> RunnerProfile:
    on_duty = number % ON_DUTY_EVERY == 0
    return RunnerProfile(
        user=user, state=RunnerState.APPROVED, birth_date=dt.date(1995, 3, 1),
        kinds=[kind.value for kind in Kind], on_duty=on_duty,
        duty_since=now - LATELY if on_duty else None,
    )  # fmt: skip


def _lines(reward: int) -> list[dict[str, Any]]:
    return [{"code": "base", "amount": reward}]


def _times(state: State, at: dt.datetime, taken: bool, now: dt.datetime) -> dict[str, Any]:
    """The columns that the moves to ``state`` would have written."""
    opened = None if state == State.AWAITING_PAYMENT else at + dt.timedelta(minutes=1)
    delivered = state in {State.DELIVERED, State.DISPUTED, State.COMPLETED}
    return {
        "opened_at": opened,
        "accepted_at": at + dt.timedelta(minutes=3) if taken else None,
        "delivered_at": at + dt.timedelta(minutes=30) if delivered else None,
        "ended_at": at + dt.timedelta(minutes=40) if state in ENDS else None,
        "due_at": now + DUE[state] if state in DUE else None,
    }
