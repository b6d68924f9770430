"""Live an errand again from its events alone, by the table. Pure: no Django."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from errands.states import Kind, Move, Role, State, target_of


class Step(NamedTuple):
    """One event as it was written down."""

    sequence: int
    move: str
    from_state: str
    to_state: str
    role: str


class Problem(NamedTuple):
    code: str
    detail: str


def replay(steps: Sequence[Step], *, kind: str, state: str, version: int) -> Iterator[Problem]:
    """Yield what the events of one errand leave unexplained; ``steps`` in order of sequence."""
    yield from _numbers(steps, version)
    yield from _beginning(steps)
    before = steps[0].to_state if steps else ""
    for step in steps[1:]:
        yield from _moved(step, before, kind)
        before = step.to_state
    if before != state:
        yield Problem("state_unexplained", f"{state}, but the events end in {before or 'nothing'}")
    yield from _winners(steps)


def _numbers(steps: Sequence[Step], version: int) -> Iterator[Problem]:
    numbers = [step.sequence for step in steps]
    if numbers != list(range(1, len(steps) + 1)):
        yield Problem("sequence_broken", f"{numbers}")
    if len(steps) != version:
        yield Problem("version_unexplained", f"version {version}, {len(steps)} events")


def _beginning(steps: Sequence[Step]) -> Iterator[Problem]:
    first = steps[0] if steps else None
    posted = (Move.POST, "", State.AWAITING_PAYMENT, Role.REQUESTER)
    if first is not None and first[1:] != posted:
        yield Problem("not_posted", f"begins with {first.move} to {first.to_state}")


def _moved(step: Step, before: str, kind: str) -> Iterator[Problem]:
    if step.from_state != before:
        yield Problem(
            "states_apart", f"{step.sequence}: from {step.from_state}, but it was {before}"
        )
    if not _permitted(step, kind):
        what = f"{step.role} {step.move}: {step.from_state} → {step.to_state}"
        yield Problem("not_permitted", f"{step.sequence}: {what}")


def _permitted(step: Step, kind: str) -> bool:
    try:
        target = target_of(
            Move(step.move), State(step.from_state), kind=Kind(kind), role=Role(step.role),
            wanted=State(step.to_state),
        )  # fmt: skip
    except ValueError:  # a word that is in no table
        return False
    return target == step.to_state


def _winners(steps: Sequence[Step]) -> Iterator[Problem]:
    taken = False
    for step in steps:
        if step.move == Move.ACCEPT and taken:
            yield Problem("two_winners", f"{step.sequence}: accepted again without a drop between")
        if step.move in {Move.ACCEPT, Move.DROP}:
            taken = step.move == Move.ACCEPT
