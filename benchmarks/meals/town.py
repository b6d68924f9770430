"""A made-up evening in the format of the instances, for who holds none of them."""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence
from pathlib import Path

from benchmarks.meals.instance import COLUMNS

SIDE_M = 6_000
TERMS = (320, 4, 4, 40, 90, 10, 15)
EVENING_MIN = 180


def write_town(
    directory: Path, *, seed: int, orders: int = 60, couriers: int = 16, restaurants: int = 12
) -> Path:
    """Write one instance into ``directory``, which is made, and return it."""
    rng = random.Random(seed)
    directory.mkdir(parents=True, exist_ok=True)
    _write(directory, "instance_parameters", COLUMNS, [TERMS])
    _write(
        directory, "restaurants", ("restaurant", "x", "y"),
        [(f"r{n}", *_place(rng)) for n in range(1, restaurants + 1)],
    )  # fmt: skip
    _write(
        directory, "couriers", ("courier", "x", "y", "on_time", "off_time"),
        [(f"c{n}", *_place(rng), *_shift(rng)) for n in range(1, couriers + 1)],
    )  # fmt: skip
    _write(
        directory, "orders", ("order", "x", "y", "placement_time", "restaurant", "ready_time"),
        [(f"o{n}", *_place(rng), *_times(rng, restaurants)) for n in range(1, orders + 1)],
    )  # fmt: skip
    return directory


def _write(
    directory: Path, name: str, head: Sequence[str], rows: Iterable[Sequence[object]]
) -> None:
    lines = ("\t".join(map(str, row)) for row in (head, *rows))
    (directory / f"{name}.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")


def _place(rng: random.Random) -> tuple[int, int]:
    return rng.randrange(SIDE_M), rng.randrange(SIDE_M)


def _shift(rng: random.Random) -> tuple[int, int]:
    on = rng.randrange(0, EVENING_MIN // 3, 15)
    return on, on + rng.randrange(120, EVENING_MIN + 60, 15)


def _times(rng: random.Random, restaurants: int) -> tuple[int, str, int]:
    placed = rng.randrange(EVENING_MIN)
    return placed, f"r{rng.randint(1, restaurants)}", placed + rng.randint(5, 35)
