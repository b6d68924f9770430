"""Who bears an early end: the product's table, row by row."""

from __future__ import annotations

import pytest

from errands.policy import TERMS, Fault, Outcome, Reason, fault_of, outcome_of
from errands.states import Move, State


@pytest.mark.parametrize(
    ("state", "minutes", "runner_percent"),
    [
        (State.OPEN, 0, 0),
        (State.ASSIGNED, 0, 0),
        (State.ASSIGNED, 4.9, 0),
        (State.ASSIGNED, 5.0, 0),
        (State.ASSIGNED, 5.01, 30),
        (State.ASSIGNED, 300, 30),
        (State.AT_PICKUP, 0, 50),
        (State.AT_PICKUP, 60, 50),
    ],
)
def test_a_late_cancellation_costs(state: State, minutes: float, runner_percent: int) -> None:
    found = outcome_of(Move.CANCEL, state, fault=Fault.NONE, minutes=minutes)
    assert found == Outcome(runner_percent)


@pytest.mark.parametrize(("minutes", "strike"), [(0.0, False), (1.0, False), (1.01, True)])
def test_dropping_late_is_a_strike(minutes: float, strike: bool) -> None:
    found = outcome_of(Move.DROP, State.ASSIGNED, fault=Fault.NONE, minutes=minutes)
    assert found == Outcome(0, strike=strike)


@pytest.mark.parametrize(
    ("fault", "outcome"),
    [
        (Fault.EXCUSED, Outcome(50)),
        (Fault.UNPROVEN, Outcome(0)),
        (Fault.RUNNER, Outcome(0, strike=True)),
    ],
)
def test_an_excused_failure_earns_the_attempt_fee(fault: Fault, outcome: Outcome) -> None:
    assert outcome_of(Move.FAIL, State.AT_PICKUP, fault=fault, minutes=30) == outcome


@pytest.mark.parametrize(
    ("reason", "has_photo", "at_place", "fault"),
    [
        (Reason.SHOP_CLOSED, True, True, Fault.EXCUSED),
        (Reason.SHOP_CLOSED, True, False, Fault.UNPROVEN),
        (Reason.SHOP_CLOSED, False, True, Fault.UNPROVEN),
        (Reason.RUNNER_SICK, True, True, Fault.RUNNER),
        (Reason.OTHER, True, True, Fault.RUNNER),
    ],
)
def test_evidence_decides_whose_fault_it_was(
    reason: Reason, has_photo: bool, at_place: bool, fault: Fault
) -> None:
    assert fault_of(reason, has_photo=has_photo, at_place=at_place) == fault


def test_a_returned_errand_pays_the_way_there_and_back() -> None:
    found = outcome_of(Move.HAND_BACK, State.RETURNING, fault=Fault.EXCUSED, minutes=40)
    assert found == Outcome(100)


def test_where_the_table_is_silent_everything_goes_back() -> None:
    assert outcome_of(Move.STOP, State.AT_DROPOFF, fault=Fault.NONE, minutes=9) == Outcome(0)


def test_no_term_pays_more_than_the_reward() -> None:
    assert all(0 <= term.outcome.runner_percent <= 100 for term in TERMS)
