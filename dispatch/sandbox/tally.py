"""What the robots count while they work."""

from __future__ import annotations

import logging
import time
from collections import Counter, deque
from dataclasses import dataclass, field
from datetime import datetime

logger = logging.getLogger(__name__)

KEPT_SAMPLES = 50_000  # of the endless demo; a run of hundreds of errands fits whole


def samples() -> deque[float]:
    return deque(maxlen=KEPT_SAMPLES)


@dataclass(slots=True)
class Tally:
    """Counters and samples of one run. Seconds are of the wall clock, not of the robots'."""

    started: float = field(default_factory=time.monotonic)
    requests: int = 0
    latencies_s: deque[float] = field(default_factory=samples)
    errors: Counter[str] = field(default_factory=Counter)
    reconnects: int = 0
    positions: int = 0
    positions_seen: int = 0
    positions_refused: Counter[str] = field(default_factory=Counter)
    offers: Counter[str] = field(default_factory=Counter)
    bundled: int = 0
    extras: Counter[str] = field(default_factory=Counter)
    posted: int = 0
    funded: int = 0
    matched: int = 0
    cancelled_by_robots: int = 0
    ended: Counter[str] = field(default_factory=Counter)
    seconds_to_match: deque[float] = field(default_factory=samples)
    added_minutes: deque[float] = field(default_factory=samples)
    live: dict[str, str] = field(default_factory=dict)

    def error(self, code: str, detail: str = "") -> None:
        """Count an error; the first of its kind is also shown."""
        self.errors[code] += 1
        if self.errors[code] == 1:
            logger.warning("first %s: %s", code, detail[:300])

    def answered(self, seconds: float) -> None:
        self.requests += 1
        self.latencies_s.append(seconds)

    def over(self, errand_id: str, state: str) -> None:
        """An errand has reached a state in which its robots have nothing left to do."""
        self.live.pop(errand_id, None)
        self.ended[state] += 1

    def matched_after(self, opened_at: str, accepted_at: str) -> None:
        """An errand was accepted for the first time; both times are RFC 3339."""
        waited = datetime.fromisoformat(accepted_at) - datetime.fromisoformat(opened_at)
        self.matched += 1
        self.seconds_to_match.append(waited.total_seconds())

    def seconds(self) -> float:
        return time.monotonic() - self.started

    def line(self) -> str:
        """One line of progress."""
        states = Counter(self.live.values())
        told = [("posted", self.posted), *states.items(), *self.ended.items()]
        if self.errors:
            told.append(("errors", self.errors.total()))
        counts = " · ".join(f"{name} {count}" for name, count in told)
        return f"{self.seconds():5.0f} s · {counts}"
