"""The life of an errand as one table. No Django here: this is what is permitted, nothing else."""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple


class Kind(StrEnum):
    DELIVERY = "delivery"
    PURCHASE = "purchase"
    QUEUE = "queue"
    HELP = "help"


class State(StrEnum):
    AWAITING_PAYMENT = "awaiting_payment"
    OPEN = "open"
    ASSIGNED = "assigned"
    AT_PICKUP = "at_pickup"
    PICKED_UP = "picked_up"
    AT_DROPOFF = "at_dropoff"
    DELIVERED = "delivered"
    DISPUTED = "disputed"
    RETURNING = "returning"
    COMPLETED = "completed"
    REFUNDED = "refunded"
    RETURNED = "returned"
    CANCELLED = "cancelled"
    FAILED = "failed"
    EXPIRED = "expired"


class Role(StrEnum):
    REQUESTER = "requester"
    RUNNER = "runner"
    STAFF = "staff"
    CLOCK = "clock"
    PAYMENTS = "payments"


class Move(StrEnum):
    POST = "post"
    FUND = "fund"
    LAPSE = "lapse"
    RAISE = "raise"
    EXTEND = "extend"
    ACCEPT = "accept"
    DROP = "drop"
    ARRIVE = "arrive"
    ASK = "ask"
    ANSWER = "answer"
    BUY = "buy"
    PICK_UP = "pick_up"
    CHECK_IN = "check_in"
    DELIVER = "deliver"
    CONFIRM = "confirm"
    OBJECT = "object"
    RESOLVE = "resolve"
    CANCEL = "cancel"
    FAIL = "fail"
    RETURN = "return"
    HAND_BACK = "hand_back"
    STOP = "stop"


S, M, R = State, Move, Role

FINAL = frozenset({S.COMPLETED, S.REFUNDED, S.RETURNED, S.CANCELLED, S.FAILED, S.EXPIRED})
LIVE = frozenset(S) - FINAL
UNDERWAY = frozenset({S.ASSIGNED, S.AT_PICKUP, S.PICKED_UP, S.AT_DROPOFF, S.RETURNING})
FUNDED = LIVE - {S.AWAITING_PAYMENT}  # the states in which escrow holds the money
TWO_PLACES = frozenset({Kind.DELIVERY, Kind.PURCHASE})
ONE_PLACE = frozenset(Kind) - TWO_PLACES
ANY_KIND = frozenset(Kind)
PURCHASE, QUEUE = frozenset({Kind.PURCHASE}), frozenset({Kind.QUEUE})
PAID_MOVES = frozenset({M.FUND, M.RAISE, M.EXTEND})  # each carries the number of its order


class Rule(NamedTuple):
    """One permitted move: who may make it, from where to where, for which kinds."""

    move: Move
    source: State
    target: State
    roles: frozenset[Role]
    kinds: frozenset[Kind] = ANY_KIND


def _rule(
    move: Move, source: State, target: State, *roles: Role, kinds: frozenset[Kind] = ANY_KIND
) -> Rule:
    return Rule(move, source, target, frozenset(roles), kinds)


RULES: tuple[Rule, ...] = (
    _rule(M.FUND, S.AWAITING_PAYMENT, S.OPEN, R.PAYMENTS),
    _rule(M.LAPSE, S.AWAITING_PAYMENT, S.EXPIRED, R.CLOCK),
    _rule(M.CANCEL, S.AWAITING_PAYMENT, S.CANCELLED, R.REQUESTER),
    _rule(M.ACCEPT, S.OPEN, S.ASSIGNED, R.RUNNER),
    _rule(M.LAPSE, S.OPEN, S.EXPIRED, R.CLOCK),
    _rule(M.RAISE, S.OPEN, S.OPEN, R.PAYMENTS),
    _rule(M.CANCEL, S.OPEN, S.CANCELLED, R.REQUESTER),
    _rule(M.ARRIVE, S.ASSIGNED, S.AT_PICKUP, R.RUNNER),
    _rule(M.DROP, S.ASSIGNED, S.OPEN, R.RUNNER),
    _rule(M.CANCEL, S.ASSIGNED, S.CANCELLED, R.REQUESTER),
    _rule(M.FAIL, S.ASSIGNED, S.FAILED, R.RUNNER),
    # A dearer purchase is known in the shop at the latest; what has been bought may be corrected.
    *(
        _rule(M.EXTEND, state, state, R.PAYMENTS, kinds=PURCHASE)
        for state in (S.OPEN, S.ASSIGNED, S.AT_PICKUP)
    ),
    # How long a queue is shows in it.
    *(
        _rule(M.EXTEND, state, state, R.PAYMENTS, kinds=QUEUE)
        for state in (S.AT_PICKUP, S.PICKED_UP)
    ),
    _rule(M.CHECK_IN, S.PICKED_UP, S.PICKED_UP, R.RUNNER, kinds=QUEUE),
    _rule(M.ASK, S.AT_PICKUP, S.AT_PICKUP, R.RUNNER, kinds=PURCHASE),
    _rule(M.ANSWER, S.AT_PICKUP, S.AT_PICKUP, R.REQUESTER, kinds=PURCHASE),
    *(
        _rule(M.BUY, state, state, R.RUNNER, kinds=PURCHASE)
        for state in (S.AT_PICKUP, S.PICKED_UP, S.AT_DROPOFF)
    ),
    _rule(M.PICK_UP, S.AT_PICKUP, S.PICKED_UP, R.RUNNER),
    _rule(M.DROP, S.AT_PICKUP, S.OPEN, R.RUNNER),
    _rule(M.CANCEL, S.AT_PICKUP, S.CANCELLED, R.REQUESTER),
    _rule(M.FAIL, S.AT_PICKUP, S.FAILED, R.RUNNER),
    _rule(M.ARRIVE, S.PICKED_UP, S.AT_DROPOFF, R.RUNNER, kinds=TWO_PLACES),
    _rule(M.RETURN, S.PICKED_UP, S.RETURNING, R.RUNNER, kinds=TWO_PLACES),
    # With one place "picked up" means started: nothing is carried that would have to go back.
    _rule(M.DELIVER, S.PICKED_UP, S.DELIVERED, R.RUNNER, kinds=ONE_PLACE),
    _rule(M.FAIL, S.PICKED_UP, S.FAILED, R.RUNNER, kinds=ONE_PLACE),
    _rule(M.DELIVER, S.AT_DROPOFF, S.DELIVERED, R.RUNNER, kinds=TWO_PLACES),
    _rule(M.RETURN, S.AT_DROPOFF, S.RETURNING, R.RUNNER, kinds=TWO_PLACES),
    _rule(M.HAND_BACK, S.RETURNING, S.RETURNED, R.RUNNER, kinds=TWO_PLACES),
    _rule(M.CONFIRM, S.DELIVERED, S.COMPLETED, R.REQUESTER, R.CLOCK),
    _rule(M.OBJECT, S.DELIVERED, S.DISPUTED, R.REQUESTER),
    _rule(M.RESOLVE, S.DISPUTED, S.COMPLETED, R.STAFF),
    _rule(M.RESOLVE, S.DISPUTED, S.REFUNDED, R.STAFF),
    *(_rule(M.STOP, state, S.CANCELLED, R.STAFF) for state in State if state in LIVE),
)


def target_of(
    move: Move, source: State, *, kind: Kind, role: Role, wanted: State | None = None
) -> State | None:
    """Return the state that ``move`` leads to, or None when the table does not permit it.

    ``wanted`` picks between two targets of one move (``resolve``).
    """
    fitting = (
        rule.target
        for rule in RULES
        if (rule.move, rule.source) == (move, source) and kind in rule.kinds and role in rule.roles
    )
    return next((target for target in fitting if wanted in {None, target}), None)


def moves_from(source: State, *, kind: Kind, role: Role) -> list[Move]:
    """List the moves that ``role`` may make now, in the table's order, each once."""
    found = (r.move for r in RULES if r.source == source and kind in r.kinds and role in r.roles)
    return list(dict.fromkeys(found))
