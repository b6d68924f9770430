"""Walks packed into tables that a router answers in one request."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from dispatch.matching.shapes import Floats, Ints

MOST_PLACES = 100  # OSRM's own limit, unless started with another; Valhalla's is 2,500 cells
CELL_DEGREES = 0.005  # places so near have the same others around them


class Batch(NamedTuple):
    """The table from ``starts`` to ``ends``; which walks of those wanted are in which cell."""

    starts: list[int]
    ends: list[int]
    walks: list[int]
    row: list[int]
    column: list[int]


def batches(places: Floats, start: Ints, end: Ints) -> Iterator[Batch]:
    """Pack walks between numbered places, those of one neighbourhood together."""
    cell = np.floor(places[start] / CELL_DEGREES)
    rows: dict[int, int] = {}
    columns: dict[int, int] = {}
    walks: list[tuple[int, int, int]] = []
    for walk in np.lexsort((end, start, cell[:, 1], cell[:, 0])).tolist():
        one, other = int(start[walk]), int(end[walk])
        more = (one not in rows) + (other not in columns)
        if len(rows) + len(columns) + more > MOST_PLACES:
            yield _packed(rows, columns, walks)
            rows, columns, walks = {}, {}, []
        row, column = rows.setdefault(one, len(rows)), columns.setdefault(other, len(columns))
        walks.append((walk, row, column))
    if walks:
        yield _packed(rows, columns, walks)


def _packed(
    rows: dict[int, int], columns: dict[int, int], walks: list[tuple[int, int, int]]
) -> Batch:
    number, row, column = (list(each) for each in zip(*walks, strict=True))
    return Batch(list(rows), list(columns), number, row, column)
