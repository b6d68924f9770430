"""Which moves lead to which state, by the table of states itself."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import NamedTuple

from errands.states import ONE_PLACE, Kind, Move, Role, State, target_of

M, R, S = Move, Role, State

FUNDED = ((M.POST, R.REQUESTER), (M.FUND, R.PAYMENTS))
TAKEN = (*FUNDED, (M.ACCEPT, R.RUNNER))
THERE = (*TAKEN, (M.ARRIVE, R.RUNNER))
CARRYING = (*THERE, (M.PICK_UP, R.RUNNER))
ACROSS = (*CARRYING, (M.ARRIVE, R.RUNNER))
BROUGHT = (*ACROSS, (M.DELIVER, R.RUNNER))
ROADS: dict[State, tuple[tuple[Move, Role], ...]] = {
    S.AWAITING_PAYMENT: FUNDED[:1],
    S.OPEN: FUNDED,
    S.ASSIGNED: TAKEN,
    S.AT_PICKUP: THERE,
    S.PICKED_UP: CARRYING,
    S.AT_DROPOFF: ACROSS,
    S.DELIVERED: BROUGHT,
    S.DISPUTED: (*BROUGHT, (M.OBJECT, R.REQUESTER)),
    S.RETURNING: (*CARRYING, (M.RETURN, R.RUNNER)),
    S.COMPLETED: (*BROUGHT, (M.CONFIRM, R.REQUESTER)),
    S.CANCELLED: (*FUNDED, (M.CANCEL, R.REQUESTER)),
    S.EXPIRED: (*FUNDED, (M.LAPSE, R.CLOCK)),
    S.FAILED: (*TAKEN, (M.FAIL, R.RUNNER)),
}
# Of twenty that ended, and of twelve that live.
ENDS = (S.COMPLETED, S.CANCELLED, *[S.COMPLETED] * 16, S.EXPIRED, S.FAILED)
LIVES = (
    S.OPEN, S.ASSIGNED, S.OPEN, S.PICKED_UP, S.OPEN, S.DELIVERED, S.OPEN, S.AT_PICKUP,
    S.AWAITING_PAYMENT, S.AT_DROPOFF, S.DISPUTED, S.RETURNING,
)  # fmt: skip
KINDS = (*[Kind.DELIVERY] * 5, *[Kind.PURCHASE] * 2, Kind.QUEUE, Kind.HELP)


class Step(NamedTuple):
    move: Move
    source: str
    target: State
    role: Role


def kind_for(state: State, number: int) -> Kind:
    """Return the kind of the errand with that number; some states need a second place."""
    kind = KINDS[number % len(KINDS)]
    return Kind.DELIVERY if state in {S.AT_DROPOFF, S.RETURNING} else kind


@cache
def road(state: State, kind: Kind) -> tuple[Step, ...]:
    """Return the moves that bring an errand of ``kind`` to ``state``."""
    return tuple(_steps(state, kind))


def _steps(state: State, kind: Kind) -> Iterator[Step]:
    source: State | None = None
    for move, role in ROADS[state]:
        if kind in ONE_PLACE and move == M.ARRIVE and source == S.PICKED_UP:
            continue
        target = S.AWAITING_PAYMENT if source is None else _target(move, source, kind, role)
        yield Step(move, source or "", target, role)
        source = target


def _target(move: Move, source: State, kind: Kind, role: Role) -> State:
    target = target_of(move, source, kind=kind, role=role)
    assert target is not None, f"no {role} may {move} a {kind} from {source}"
    return target
