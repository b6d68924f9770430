"""What an early end costs and who bears it: a table of data, no Django.

Percentages are of the reward; the runner's share carries its commission, the rest goes back.
Which table holds for an errand is a matter of its day: ``errands.selectors.terms_at``.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum
from typing import NamedTuple

from errands.states import FUNDED, RULES, Move, State


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


class Case(NamedTuple):
    """What a term is about."""

    move: Move
    state: State
    fault: Fault


FREE_CANCEL_MINUTES = 5.0
FREE_DROP_MINUTES = 1.0
S, M, F = State, Move, Fault

# What holds until staff write terms of their own.
FIRST_TERMS: tuple[Term, ...] = (
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
MOST_BUDGET = 300_000  # won
LEAST_TIP, MOST_TIP = 500, 50_000  # won
MOST_MINUTES = 24 * 60
FAULTS = {
    M.CANCEL: (F.NONE,),
    M.DROP: (F.NONE,),
    M.FAIL: (F.EXCUSED, F.UNPROVEN, F.RUNNER),
    M.HAND_BACK: (F.EXCUSED, F.UNPROVEN, F.RUNNER),
}
# Every question that the table is asked, in the order of the moves and of the road.
CASES: tuple[Case, ...] = tuple(
    Case(move, state, fault)
    for move, faults in FAULTS.items()
    for state in dict.fromkeys(rule.source for rule in RULES if rule.move == move)
    if state in FUNDED
    for fault in faults
)


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


def repays(move: Move, outcome: Outcome) -> bool:
    """Tell whether the runner gets back what was laid out for a purchase.

    Always where the requester ends it; else where the end earns a part of the reward too. Staff
    may decide otherwise.
    """
    return move == M.CANCEL or outcome.runner_percent > 0


def is_sound(case: Case, outcome: Outcome) -> bool:
    """Tell whether ``outcome`` can be carried out in this ``case``."""
    # An errand that nobody has accepted, or that goes on to another, pays nobody.
    pays = case.move != M.DROP and case.state != S.OPEN
    # The requester earns no strikes.
    strikes = case.move != M.CANCEL
    percents = range(101 if pays else 1)
    return outcome.runner_percent in percents and (strikes or not outcome.strike)


def with_term(
    terms: Iterable[Term], case: Case, after: float, outcome: Outcome | None
) -> list[Term]:
    """Return ``terms`` with this one in its place, or without it when ``outcome`` is None."""
    kept = [term for term in terms if (*term[:3], term.after_minutes) != (*case, after)]
    new = [] if outcome is None else [Term(*case, after, outcome)]
    return sorted(kept + new, key=lambda term: (CASES.index(Case(*term[:3])), term.after_minutes))


def outcome_of(
    move: Move, state: State, *, fault: Fault, minutes: float, terms: Iterable[Term]
) -> Outcome:
    """Return what ``terms`` say ``minutes`` after acceptance; a full refund where they don't."""
    fitting = [
        term
        for term in terms
        if (term.move, term.state, term.fault) == (move, state, fault)
        and (term.after_minutes < minutes or not term.after_minutes)  # "≤ 5 min" is still free
    ]
    return max(fitting, key=lambda term: term.after_minutes).outcome if fitting else FULL_REFUND
