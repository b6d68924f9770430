"""What phones report: one point a message, as in docs/asyncapi.yaml."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

from benchmarks.load.frames import frame
from common.geo import Point

APART = timedelta(seconds=1)  # of two points of one phone; closer ones are refused
HISTORY = timedelta(hours=12)


class Walk:
    """The reports of any number of phones that all walk the same way, each made once.

    Their time begins hours ago and moves a second a message: however often a phone may speak,
    none of its points is a duplicate or lies in the future.
    """

    def __init__(self, start: Point) -> None:
        self._start = start
        self._begun = datetime.now(UTC) - HISTORY
        self._made: list[bytes] = []

    def step(self, number: int) -> bytes:
        """Return the frame of the report with that number."""
        while number >= len(self._made):
            self._made.append(frame(report(*self.place(len(self._made)))))
        return self._made[number]

    def place(self, number: int) -> tuple[Point, datetime]:
        """Where and when the step with that number was: to and fro along a street."""
        along = number % 200
        away = (along if along < 100 else 200 - along) * 1e-5
        return (
            Point(round(self._start.lat + away, 6), round(self._start.lng + away, 6)),
            self._begun + number * APART,
        )


def report(point: Point, at: datetime) -> bytes:
    """Return the text of one report."""
    reading = {"lat": point.lat, "lng": point.lng, "accuracy": 8.5, "recorded_at": at.isoformat()}
    return json.dumps({"type": "positions", "points": [reading]}, separators=(",", ":")).encode()
