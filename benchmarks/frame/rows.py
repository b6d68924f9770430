"""What a program found: rows of the table, each with the mark it is held against, and curves."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from typing import Literal

import msgspec


class Figure(msgspec.Struct, frozen=True, kw_only=True):
    """One side: ``value`` in the row's unit, milliseconds, and megabytes of memory."""

    value: float
    p50_ms: float | None = None
    p99_ms: float | None = None
    memory_mb: float | None = None


class Mark(msgspec.Struct, frozen=True):
    """A limit for our value, or for its ratio to the peer's."""

    sense: Literal["≥", "≤"]
    limit: float
    of: Literal["ratio", "value"] = "ratio"


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """A line of the table; ``peer`` is None where nothing comparable exists."""

    path: str
    unit: str
    ours: Figure
    peer: Figure | None = None
    peer_name: str = ""
    mark: Mark | None = None
    note: str = ""

    @property
    def ratio(self) -> float | None:
        """Our value by the peer's."""
        return self.ours.value / self.peer.value if self.peer and self.peer.value else None

    @property
    def margin(self) -> float:
        """How many times better than its mark the row is; below 1 it misses it."""
        assert self.mark is not None, f"{self.path} has no mark"
        found = self.ours.value if self.mark.of == "value" else self.ratio
        assert found is not None, f"{self.path} has nothing to be compared with"
        if self.mark.sense == "≥":
            return found / self.mark.limit
        return self.mark.limit / found if found > 0 else math.inf

    @property
    def met(self) -> bool | None:
        """Whether the mark holds; None without one."""
        return None if self.mark is None else self.margin >= 1


class Curve(msgspec.Struct, frozen=True, kw_only=True):
    """A line of the plot called ``plot``: ``y`` in ``unit`` over ``x``, how many of ``over``."""

    plot: str
    name: str
    over: str
    unit: str
    x: list[float]
    y: list[float]


class Report(msgspec.Struct, frozen=True):
    """All that one program found."""

    rows: list[Row]
    curves: list[Curve] = []


def at_least(limit: float) -> Mark:
    """So many times the peer's value, or more."""
    return Mark("≥", limit)


def at_most(limit: float) -> Mark:
    """So many times the peer's value, or less."""
    return Mark("≤", limit)


def no_more_than(value: float) -> Mark:
    """In the row's own unit, whatever the peer does."""
    return Mark("≤", value, "value")


def no_less_than(value: float) -> Mark:
    """In the row's own unit, whatever the peer does."""
    return Mark("≥", value, "value")


def percentile(values: Sequence[float], share: float) -> float:
    """Return the value below which ``share`` of all lie; of few ones the last."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]


def figure(values: Sequence[float], ms: Sequence[float] = (), **more: float) -> Figure:
    """The median of ``values``, one a round, with the percentiles of all ``ms``."""
    times = {"p50_ms": percentile(ms, 0.5), "p99_ms": percentile(ms, 0.99)} if ms else {}
    return Figure(value=statistics.median(values), **times, **more)


def latency(rounds: Sequence[Sequence[float]], share: float = 0.99, **more: float) -> Figure:
    """The median over the rounds of what ``share`` of a round's milliseconds stay below."""
    every = [ms for each in rounds for ms in each]
    return figure([percentile(each, share) for each in rounds], every, **more)
