"""One day under one policy: who is asked, walks, arrives, and who was never helped."""

from __future__ import annotations

import heapq
import random
from collections import deque
from collections.abc import Callable, Sequence
from itertools import count
from typing import NamedTuple

from dispatch.matching import MOST_CARRIED
from dispatch.sandbox.city.areas import by_area, shown
from dispatch.sandbox.city.demand import Errand
from dispatch.sandbox.city.people import Person
from dispatch.sandbox.city.policies import REACH_STEPS, Ask, Policy, asks

ANSWERS_S = (3.0, 18.0)  # of the 20 seconds that an offer stands


SAMPLE_S = 600.0
MOST_REACH_M = max(metres for _seconds, metres in REACH_STEPS)


class Sample(NamedTuple):
    """How many there were at one moment: open errands, people on duty, those who may be asked."""

    at: float
    waiting: int
    on_duty: int
    free: int


class Day:
    """Moves everybody from tick to tick; between two of them the arrivals, in their order."""

    def __init__(
        self, errands: Sequence[Errand], people: Sequence[Person], policy: Policy, *,
        tick_s: float, seed: int,
    ) -> None:  # fmt: skip
        self.policy, self.tick_s, self.seed = policy, tick_s, seed
        self.errands = errands
        self.people = [p for p in people if policy.passing or not p.passes_by]
        self.coming = deque(sorted(self.people, key=lambda person: person.on))
        self.to_post = deque(errands)
        self.on_duty: dict[Person, None] = {}
        self.open: dict[Errand, None] = {}
        self.given_up: list[Errand] = []
        self.arrivals: list[tuple[float, int, int, Person]] = []
        self.numbers = count()
        self.samples: list[Sample] = []
        self.asked = self.refused = 0

    def run(self, told: Callable[[float], None] = lambda _now: None) -> None:
        """Go on until every errand has ended; says after each tick how late it is."""
        now = 0.0
        while self.to_post or self.open or self.arrivals:
            self._move_to(now)
            self._match(now)
            told(now)
            now += self.tick_s

    def _move_to(self, now: float) -> None:
        while self.arrivals and self.arrivals[0][0] <= now:
            _at, _number, plan, person = heapq.heappop(self.arrivals)
            if plan == person.plans:
                self._arrive(person)
        while self.coming and self.coming[0].on <= now:
            person = self.coming.popleft()
            self.on_duty[person] = None
            self._announce(person)
        while self.to_post and self.to_post[0].posted <= now:
            self.open[self.to_post.popleft()] = None
        for errand in [errand for errand in self.open if errand.given_up <= now]:
            del self.open[errand]
            self.given_up.append(errand)
        for person in [person for person in self.on_duty if person.is_gone(now)]:
            del self.on_duty[person]

    def _announce(self, person: Person) -> None:
        if person.next_place is not None:
            entry = (person.arrives, next(self.numbers), person.plans, person)
            heapq.heappush(self.arrivals, entry)

    def _arrive(self, person: Person) -> None:
        at, stop = person.arrives, person.arrive()
        if stop is not None and stop.is_pickup:
            stop.errand.collected = at
        elif stop is not None:
            stop.errand.delivered = at
            person.earned += stop.errand.reward
            person.completed += 1
        self._announce(person)

    def _match(self, now: float) -> None:
        free = [person for person in self.on_duty if self._may_be_asked(person, now)]
        self._count(now, len(free))
        if not self.open or not free:
            return
        areas = by_area(self.open)
        for area, people in shown(areas, free, now, MOST_REACH_M).items():
            for ask in asks(self.policy, areas[area], people, now):
                self._ask(ask, now)

    def _may_be_asked(self, person: Person, now: float) -> bool:
        if not person.stops:
            return person.left <= now < person.off
        return self.policy.under_way and now < person.off and person.carried < MOST_CARRIED

    def _count(self, now: float, free: int) -> None:
        if now >= len(self.samples) * SAMPLE_S:
            self.samples.append(Sample(now, len(self.open), len(self.on_duty), free))

    def _ask(self, ask: Ask, now: float) -> None:
        """Let a person answer; the same one says the same to an errand under every policy."""
        person, dice = ask.person, random.Random(f"{self.seed}:{ask.errands[0].id}:{ask.person.id}")
        person.asked = now
        self.asked += 1
        if dice.random() >= person.accepts:
            self.refused += 1
            for errand in ask.errands:
                errand.declined_by.add(person.id)
            return
        for errand in ask.errands:
            errand.accepted = now + dice.uniform(*ANSWERS_S)
            del self.open[errand]
        person.replan(ask.stops, now)
        self._announce(person)
