"""Rounds in turn: what disturbs the machine hits all sides alike."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator


def turns(sides: Iterable[str], rounds: int) -> Iterator[str]:
    """Yield each side once a round, another one first each time."""
    names = list(sides)
    for number in range(rounds):
        print(f"  round {number + 1} of {rounds} …", file=sys.stderr, flush=True)
        first = number % len(names)
        yield from [*names[first:], *names[:first]]
