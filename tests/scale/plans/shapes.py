"""What matters of a plan, the same for every engine."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

BIG = 2_000  # rows of a table that nobody may read as a whole, rows that nobody may sort
FREE = 5_000  # rows that may be looked at however few are returned
PER_ROW = 10  # and so many for each that is


class Plan(NamedTuple):
    """``scanned`` are tables read as a whole; ``examined`` is None where the engine doesn't say."""

    scanned: list[str]
    sorted: int = 0
    joined: bool = False
    examined: int | None = None
    returned: int = 0

    def troubles(self, sizes: Mapping[str, int]) -> Iterator[str]:
        """Say what would grow with the town; ``sizes`` counts the rows of real tables."""
        for table in self.scanned:
            if sizes.get(table, 0) >= BIG:
                yield f"reads all of {table}"
        if self.sorted >= BIG:
            yield f"sorts {self.sorted} rows in memory"
        if self.examined is not None and self.examined > max(FREE, PER_ROW * self.returned):
            yield f"looks at {self.examined} rows for {self.returned}"
