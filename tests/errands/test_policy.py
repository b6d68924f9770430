"""Who bears an early end: the product's table, row by row."""

from __future__ import annotations

from functools import partial

import pytest

from errands import policy
from errands.policy import (
    CASES,
    FIRST_TERMS,
    Case,
    Fault,
    Outcome,
    Reason,
    fault_of,
    is_sound,
    with_term,
)
from errands.states import Move, State

outcome_of = partial(policy.outcome_of, terms=FIRST_TERMS)
LATE = Case(Move.CANCEL, State.ASSIGNED, Fault.NONE)


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
    assert all(0 <= term.outcome.runner_percent <= 100 for term in FIRST_TERMS)


def test_every_term_answers_a_question_that_is_asked() -> None:
    assert all(is_sound(Case(*term[:3]), term.outcome) for term in FIRST_TERMS)
    assert {Case(*term[:3]) for term in FIRST_TERMS} == set(CASES)


@pytest.mark.parametrize(
    ("case", "outcome", "sound"),
    [
        (LATE, Outcome(100), True),
        (LATE, Outcome(101), False),
        (LATE, Outcome(-1), False),
        (LATE, Outcome(0, strike=True), False),
        (Case(Move.CANCEL, State.OPEN, Fault.NONE), Outcome(1), False),
        (Case(Move.DROP, State.ASSIGNED, Fault.NONE), Outcome(0, strike=True), True),
        (Case(Move.DROP, State.ASSIGNED, Fault.NONE), Outcome(1), False),
    ],
)
def test_an_outcome_has_to_be_possible(case: Case, outcome: Outcome, sound: bool) -> None:
    assert is_sound(case, outcome) is sound


def test_a_term_takes_its_place_and_leaves_it() -> None:
    dearer = with_term(FIRST_TERMS, LATE, 20, Outcome(80))
    assert policy.outcome_of(*LATE[:2], fault=LATE.fault, minutes=21, terms=dearer) == Outcome(80)
    assert policy.outcome_of(*LATE[:2], fault=LATE.fault, minutes=20, terms=dearer) == Outcome(30)
    changed = with_term(dearer, LATE, 20, Outcome(90))
    assert len(changed) == len(dearer) == len(FIRST_TERMS) + 1
    assert set(with_term(changed, LATE, 20, None)) == set(FIRST_TERMS)
