"""What an errand costs: itemised lines in won, from plain numbers. No Django."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple
from zoneinfo import ZoneInfo

from common.money import share
from errands.states import Kind

SEOUL = ZoneInfo("Asia/Seoul")
BASE = 3_000
PER_WALKING_MINUTE = 180  # a little above the 2026 minimum wage of ₩172 a minute
PER_MINUTE_ON_SITE = 150
FREE_MINUTES_ON_SITE = 5
QUEUE_BLOCK_MINUTES = 15
PER_QUEUE_BLOCK = 2_700
FREE_KG, PER_KG = 5, 200
FREE_BAGS, PER_BAG = 2, 500
PER_FLOOR = 300
NIGHT, NIGHT_FROM, NIGHT_UNTIL = 1_500, 22, 6
BAD_WEATHER = 1_500
ROUNDED_TO = 100
APPROACH_MINUTES = 7.0  # the expected walk to the pickup, at the first reach of 600 m
DOOR_MINUTES = 2.0  # finding the door and handing over, at each place


class Asked(NamedTuple):
    """What the price depends on; minutes and kilograms."""

    kind: Kind
    walking_minutes: float
    expected_minutes: int
    weight_kg: int
    bags: int
    floors: int
    at: datetime
    bad_weather: bool


class Line(NamedTuple):
    code: str
    amount: int


class Price(NamedTuple):
    """``lines`` add up to ``reward_floor``; ``total_minutes`` is what the work probably takes."""

    lines: tuple[Line, ...]
    reward_floor: int
    total_minutes: float


def price(asked: Asked) -> Price:
    """Itemise the least reward for ``asked``; lines of ₩0 are left out."""
    lines = [
        Line("base", BASE),
        Line("walking", round(asked.walking_minutes * PER_WALKING_MINUTE)),
        _waiting(asked),
        Line("weight", max(0, asked.weight_kg - FREE_KG) * PER_KG),
        Line("bags", max(0, asked.bags - FREE_BAGS) * PER_BAG),
        Line("stairs", asked.floors * PER_FLOOR),
        Line("night", NIGHT if is_night(asked.at) else 0),
        Line("weather", BAD_WEATHER if asked.bad_weather else 0),
    ]
    exact = sum(line.amount for line in lines)
    # -x % n is what x lacks to the next multiple of n.
    lines.append(Line("rounding", -exact % ROUNDED_TO))
    kept = tuple(line for line in lines if line.amount)
    return Price(kept, exact + -exact % ROUNDED_TO, total_minutes(asked))


def _waiting(asked: Asked) -> Line:
    if asked.kind == Kind.QUEUE:
        return Line("blocks", queue_blocks(asked.expected_minutes) * PER_QUEUE_BLOCK)
    minutes = max(0, asked.expected_minutes - FREE_MINUTES_ON_SITE)
    return Line("on_site", minutes * PER_MINUTE_ON_SITE)


def queue_blocks(minutes: int) -> int:
    """Return how many blocks of a queue so many minutes are; a begun one counts."""
    return -(-minutes // QUEUE_BLOCK_MINUTES)


def is_night(at: datetime) -> bool:
    """Tell whether it is between 22:00 and 06:00 in Seoul."""
    hour = at.astimezone(SEOUL).hour
    return hour >= NIGHT_FROM or hour < NIGHT_UNTIL


def total_minutes(asked: Asked) -> float:
    """Minutes from accepting to the end: approach, walk, time on site, doors."""
    doors = DOOR_MINUTES * (2 if asked.walking_minutes else 1)
    return APPROACH_MINUTES + asked.walking_minutes + asked.expected_minutes + doors


def service_fee(reward: int, *, percent: int) -> int:
    """The platform's fee, which the requester pays on top of the reward."""
    return share(reward, percent)


def implied_hourly(reward: int, minutes: float) -> int:
    """What ``reward`` for ``minutes`` of work makes in an hour, in won."""
    return int(reward * 60 / minutes)


def minimum_wage(table: dict[int, int], at: datetime) -> int:
    """The statutory hourly minimum in force at ``at``; the newest known year when it is later."""
    year = at.astimezone(SEOUL).year
    known = [then for then in table if then <= year]
    return table[max(known) if known else min(table)]
