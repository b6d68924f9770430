"""The state table itself: complete, without dead ends, and as the product says."""

from __future__ import annotations

import pytest

from errands.models import STATES
from errands.states import (
    FINAL,
    LIVE,
    ONE_PLACE,
    RULES,
    TWO_PLACES,
    Kind,
    Move,
    Role,
    State,
    moves_from,
    target_of,
)

MAIN_ROAD = [
    (Move.FUND, Role.PAYMENTS),
    (Move.ACCEPT, Role.RUNNER),
    (Move.ARRIVE, Role.RUNNER),
    (Move.PICK_UP, Role.RUNNER),
    (Move.ARRIVE, Role.RUNNER),
    (Move.DELIVER, Role.RUNNER),
    (Move.CONFIRM, Role.REQUESTER),
]


def test_every_live_state_has_a_way_on_and_no_final_one_has() -> None:
    sources = {rule.source for rule in RULES}
    assert sources == LIVE
    assert not sources & FINAL


def test_every_state_but_the_first_can_be_reached() -> None:
    assert {rule.target for rule in RULES} | {State.AWAITING_PAYMENT} == set(State)


def test_every_state_has_a_name_for_people() -> None:
    assert [value for value, _label in STATES] == list(State)


def test_no_rule_stands_twice() -> None:
    keys = [
        (rule.move, rule.source, rule.target, role, kind)
        for rule in RULES
        for role in rule.roles
        for kind in rule.kinds
    ]
    assert len(keys) == len(set(keys))


@pytest.mark.parametrize("kind", sorted(TWO_PLACES))
def test_the_main_road_with_two_places(kind: Kind) -> None:
    state = State.AWAITING_PAYMENT
    for move, role in MAIN_ROAD:
        found = target_of(move, state, kind=kind, role=role)
        assert found is not None, (move, state)
        state = found
    assert state == State.COMPLETED


@pytest.mark.parametrize("kind", sorted(ONE_PLACE))
def test_one_place_goes_from_started_to_delivered(kind: Kind) -> None:
    role = Role.RUNNER
    assert target_of(Move.ARRIVE, State.PICKED_UP, kind=kind, role=role) is None
    assert target_of(Move.DELIVER, State.PICKED_UP, kind=kind, role=role) == State.DELIVERED


def test_goods_are_returned_before_an_errand_fails() -> None:
    for state in (State.PICKED_UP, State.AT_DROPOFF):
        assert target_of(Move.FAIL, state, kind=Kind.DELIVERY, role=Role.RUNNER) is None
        returning = target_of(Move.RETURN, state, kind=Kind.DELIVERY, role=Role.RUNNER)
        assert returning == State.RETURNING


def test_a_requester_cannot_cancel_after_the_pickup() -> None:
    for state in (State.PICKED_UP, State.AT_DROPOFF, State.DELIVERED):
        assert target_of(Move.CANCEL, state, kind=Kind.DELIVERY, role=Role.REQUESTER) is None


@pytest.mark.parametrize("role", [Role.REQUESTER, Role.CLOCK, Role.STAFF])
def test_only_a_runner_accepts(role: Role) -> None:
    assert target_of(Move.ACCEPT, State.OPEN, kind=Kind.HELP, role=role) is None


def test_staff_resolve_either_way() -> None:
    for wanted in (State.COMPLETED, State.REFUNDED):
        found = target_of(
            Move.RESOLVE, State.DISPUTED, kind=Kind.HELP, role=Role.STAFF, wanted=wanted
        )
        assert found == wanted


def test_staff_stop_whatever_lives() -> None:
    assert all(Move.STOP in moves_from(s, kind=Kind.HELP, role=Role.STAFF) for s in LIVE)


def test_moves_are_listed_once() -> None:
    moves = moves_from(State.DISPUTED, kind=Kind.DELIVERY, role=Role.STAFF)
    assert moves == [Move.RESOLVE, Move.STOP]
