"""How often robots do what people do."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from enum import StrEnum


class Share:
    """Says yes to a given share of the questions, evenly spread.

    Dice would give 0 or 5 failures of 100 as easily as the 1 that is meant; a running sum
    that starts at random does not.
    """

    def __init__(self, share: float, rng: random.Random) -> None:
        self._share = share
        self._level = rng.random()

    def fires(self) -> bool:
        self._level += self._share
        if self._level < 1:
            return False
        self._level -= 1
        return True


class Answer(StrEnum):
    """What a runner says to an offer."""

    ACCEPT = "accept"
    DECLINE = "decline"
    IGNORE = "ignore"


class RunnerFate(StrEnum):
    """How a runner ends an errand that was accepted."""

    DELIVER = "deliver"
    DROP = "drop"
    FAIL = "fail"


class RequesterFate(StrEnum):
    """What a requester makes of an errand that was posted."""

    CONFIRM = "confirm"
    OBJECT = "object"
    CANCEL_UNPAID = "cancel_unpaid"
    CANCEL_OPEN = "cancel_open"
    CANCEL_ASSIGNED = "cancel_assigned"


CANCELS = (
    RequesterFate.CANCEL_UNPAID,
    RequesterFate.CANCEL_OPEN,
    RequesterFate.CANCEL_ASSIGNED,
)


@dataclass(slots=True)
class Habits:
    """The shares of a whole population, so that few robots behave as many would."""

    rng: random.Random
    declines: Share = field(init=False)
    ignores: Share = field(init=False)
    drops: Share = field(init=False)
    fails: Share = field(init=False)
    cancels: Share = field(init=False)
    objects: Share = field(init=False)
    watches: Share = field(init=False)
    corridors: Share = field(init=False)
    substitutes: Share = field(init=False)
    approves: Share = field(init=False)
    extends: Share = field(init=False)
    tips: Share = field(init=False)

    def __post_init__(self) -> None:
        self.declines = Share(0.08, self.rng)
        self.ignores = Share(0.04, self.rng)
        self.drops = Share(0.03, self.rng)
        self.fails = Share(0.01, self.rng)
        self.cancels = Share(0.03, self.rng)
        self.objects = Share(0.01, self.rng)
        self.watches = Share(0.30, self.rng)
        self.corridors = Share(0.10, self.rng)
        self.substitutes = Share(0.25, self.rng)
        self.approves = Share(0.80, self.rng)
        self.extends = Share(0.40, self.rng)
        self.tips = Share(0.10, self.rng)

    def answer(self) -> Answer:
        if self.declines.fires():
            return Answer.DECLINE
        return Answer.IGNORE if self.ignores.fires() else Answer.ACCEPT

    def runner_fate(self) -> RunnerFate:
        if self.drops.fires():
            return RunnerFate.DROP
        return RunnerFate.FAIL if self.fails.fires() else RunnerFate.DELIVER

    def requester_fate(self) -> RequesterFate:
        if self.cancels.fires():
            return self.rng.choice(CANCELS)
        return RequesterFate.OBJECT if self.objects.fires() else RequesterFate.CONFIRM
