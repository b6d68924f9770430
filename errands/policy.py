"""What an early end costs and who bears it: a table of data, no Django.

Percentages are of the reward; the runner's share carries its commission, the rest goes back.
"""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple

from errands.states import Move, State


class Fault(StrEnum):
    """Whose doing a failure was, as far as the evidence says."""

    NONE = "none"  # nobody's question (a cancellation)
    EXCUSED = "excused"  # not the runner's, shown by a photo at the place
    UNPROVEN = "unproven"  # said not to be the runner's, without evidence
    RUNNER = "runner"


class Outcome(NamedTuple):
    """How the reward is split when an errand ends early, and whether it counts as a strike."""

    runner_percent: int
    strike: bool = False


class Term(NamedTuple):
    move: Move
    state: State
    fault: Fault
    after_minutes: float  # since acceptance; the last term that began before now applies
    outcome: Outcome


FREE_CANCEL_MINUTES = 5.0
FREE_DROP_MINUTES = 1.0
S, M, F = State, Move, Fault

TERMS: tuple[Term, ...] = (
    Term(M.CANCEL, S.OPEN, F.NONE, 0, Outcome(0)),
    Term(M.CANCEL, S.ASSIGNED, F.NONE, 0, Outcome(0)),
    Term(M.CANCEL, S.ASSIGNED, F.NONE, FREE_CANCEL_MINUTES, Outcome(30)),
    Term(M.CANCEL, S.AT_PICKUP, F.NONE, 0, Outcome(50)),
    *(
        term
        for state in (S.ASSIGNED, S.AT_PICKUP, S.PICKED_UP)
        for term in (
            Term(M.FAIL, state, F.EXCUSED, 0, Outcome(50)),
            Term(M.FAIL, state, F.UNPROVEN, 0, Outcome(0)),
            Term(M.FAIL, state, F.RUNNER, 0, Outcome(0, strike=True)),
        )
    ),
    # The way there and the way back: an excused return earns the attempt fee twice.
    Term(M.HAND_BACK, S.RETURNING, F.EXCUSED, 0, Outcome(100)),
    Term(M.HAND_BACK, S.RETURNING, F.UNPROVEN, 0, Outcome(50)),
    Term(M.HAND_BACK, S.RETURNING, F.RUNNER, 0, Outcome(0, strike=True)),
    *(
        term
        for state in (S.ASSIGNED, S.AT_PICKUP)
        for term in (
            Term(M.DROP, state, F.NONE, 0, Outcome(0)),
            Term(M.DROP, state, F.NONE, FREE_DROP_MINUTES, Outcome(0, strike=True)),
        )
    ),
)
FULL_REFUND = Outcome(0)


class Reason(StrEnum):
    """The failure catalogue."""

    SHOP_CLOSED = "shop_closed"
    SOLD_OUT = "sold_out"
    REQUESTER_UNREACHABLE = "requester_unreachable"
    RECIPIENT_UNREACHABLE = "recipient_unreachable"
    WRONG_ADDRESS = "wrong_address"
    REFUSED = "refused"
    PROHIBITED_ITEM = "prohibited_item"
    TOO_HEAVY = "too_heavy"
    UNSAFE = "unsafe"
    RUNNER_SICK = "runner_sick"
    OTHER = "other"


RUNNERS_OWN = frozenset({Reason.RUNNER_SICK, Reason.OTHER})


def fault_of(reason: Reason, *, has_photo: bool, at_place: bool) -> Fault:
    """Decide whose doing a failure was; a photo and the geofence together excuse the runner."""
    if reason in RUNNERS_OWN:
        return Fault.RUNNER
    return Fault.EXCUSED if has_photo and at_place else Fault.UNPROVEN


def outcome_of(move: Move, state: State, *, fault: Fault, minutes: float) -> Outcome:
    """Return what the table says ``minutes`` after acceptance; a full refund where it is silent."""
    fitting = [
        term
        for term in TERMS
        if (term.move, term.state, term.fault) == (move, state, fault)
        and (term.after_minutes < minutes or not term.after_minutes)  # "≤ 5 min" is still free
    ]
    return max(fitting, key=lambda term: term.after_minutes).outcome if fitting else FULL_REFUND
