"""What phones that report make of one side."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from benchmarks.load.phones import Phone, Rate, paced, saturated
from benchmarks.sides.arena import Side
from benchmarks.sides.usage import memory_mb


class Found(NamedTuple):
    """One side in one round."""

    full: Rate
    steady: Rate
    memory_mb: float


async def reported(side: Side, phones: Sequence[Phone], *, seconds: float, rate: float) -> Found:
    """Report at full speed for ``seconds``, and then as long at ``rate`` a second."""
    with side.awake():
        full = await saturated(phones, seconds)
        steady = await paced(phones, rate, seconds)
        return Found(full, steady, memory_mb(side.servers))
