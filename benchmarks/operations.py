"""What is measured, the same on each database."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

from benchmarks import crowds, scenes
from benchmarks.stage import LISTED, RUNNERS, Stage
from benchmarks.timing import Sample


class Operation(NamedTuple):
    """One kind of work; ``measure`` gets the stage and how often to do it."""

    title: str
    measure: Callable[[Stage, int], Sample]
    times: int  # in a round
    per_second: bool = False  # whether it is compared by its rate


def _alone(title: str, scene: scenes.Scene, times: int) -> Operation:
    return Operation(title, partial(scenes.one_by_one, scene), times)


def _ledger(title: str, moves: crowds.Moves, *, threads: int, times: int) -> Operation:
    title = f"Transfers {title}, {threads} thread{'s' if threads > 1 else ''}"
    return Operation(title, partial(crowds.transfers, moves, threads), times, per_second=True)


OPERATIONS = (
    _alone("Quote and post an errand", scenes.posting, 16),
    _alone("Confirm its payment, which opens it", scenes.paying, 16),
    _alone("Accept it", scenes.accepting, 10),
    _alone("A whole life, posted to completed", scenes.living, 5),
    _alone("First page of “my errands” (API)", scenes.listing, 20),
    _alone("One errand in detail (API)", scenes.looking, 20),
    _alone(f"The {LISTED} open errands of an area", scenes.reading_an_area, 20),
    _alone("A page of the statement (API)", scenes.reading_a_statement, 20),
    _ledger("between people", crowds.apart, threads=1, times=48),
    _ledger("between people", crowds.apart, threads=16, times=160),
    _ledger("from the gateway's account", crowds.from_the_gateway, threads=1, times=48),
    _ledger("from the gateway's account", crowds.from_the_gateway, threads=16, times=160),
    _ledger("into one person's balance", crowds.to_one_person, threads=16, times=48),
    Operation(f"{RUNNERS} runners want one errand: all have an answer", crowds.races, 2),
)
