"""The same day under each policy, and what it came to as a table."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from dispatch.sandbox.city.day import Day
from dispatch.sandbox.city.demand import errands_of_a_day
from dispatch.sandbox.city.figures import Outcome, outcome
from dispatch.sandbox.city.people import passers_by, runners_of_a_day
from dispatch.sandbox.city.policies import POLICIES, Policy

TOLD_EVERY_S = 5.0


@dataclass(frozen=True, slots=True)
class City:
    """How large, how long and by which dice; every policy meets the same day."""

    runners: int = 10_000
    errands: int = 60_000
    passers: int = 5_000
    hours: float = 24.0
    tick_s: float = 60.0
    seed: int = 1

    def as_data(self) -> dict[str, Any]:
        return asdict(self)


def played(
    city: City, policies: Sequence[Policy] = POLICIES, *, tell: Callable[[str], None]
) -> list[Outcome]:
    return [_day(city, policy, tell) for policy in policies]


def _day(city: City, policy: Policy, tell: Callable[[str], None]) -> Outcome:
    day = Day(
        errands_of_a_day(city.seed, count=city.errands, hours=city.hours),
        [
            *runners_of_a_day(city.seed, count=city.runners, hours=city.hours),
            *passers_by(city.seed, count=city.passers, hours=city.hours),
        ],
        policy, tick_s=city.tick_s, seed=city.seed,
    )  # fmt: skip
    began = last = time.monotonic()

    def told(now: float) -> None:
        nonlocal last
        if time.monotonic() - last >= TOLD_EVERY_S:
            last = time.monotonic()
            tell(f"{policy.name}: {now / 3600:.1f} of {city.hours:g} hours, {last - began:.0f} s")

    day.run(told)
    tell(f"{policy.name}: done in {time.monotonic() - began:.0f} s")
    return outcome(day)


HEAD = (
    "Policy", "completed", "to acceptance (p90)", "to pickup (p90)", "walk",  "₩/hour",
    "Gini",
)  # fmt: skip


NOTE = (
    "Mean minutes (and those of the slowest tenth) since posting, of errands that were accepted; "
    "the walk\nis all that was walked for errands, for each completed one."
)


def in_words(city: City, found: Sequence[Outcome]) -> str:
    """Return the table; times are minutes."""
    rows = [HEAD, *map(_row, map(Outcome.as_data, found))]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join([title(city), "", *_lines(rows, widths), "", NOTE])


def title(city: City) -> str:
    return (
        f"{city.errands:,} errands, {city.runners:,} runners and {city.passers:,} passers-by in "
        f"{city.hours:g} hours of Seoul (seed {city.seed})"
    )


def _row(found: dict[str, Any]) -> tuple[str, ...]:
    return (
        found["policy"], f"{found['completed_share']:.1%}",
        _minutes(found["minutes_to_acceptance"]), _minutes(found["minutes_to_pickup"]),
        f"{found['added_walk_minutes']:.1f}", f"{found['earned_an_hour']:,}",
        f"{found['earned_an_hour_gini']:.2f}",
    )  # fmt: skip


def _minutes(spread: dict[str, float]) -> str:
    return f"{spread['mean']:.1f} ({spread['p90']:.1f})" if spread else "–"


def _lines(rows: Sequence[Sequence[str]], widths: Sequence[int]) -> Iterator[str]:
    for row in rows:
        cells = [row[0].ljust(widths[0]), *map(str.rjust, row[1:], widths[1:])]
        yield "  ".join(cells)
