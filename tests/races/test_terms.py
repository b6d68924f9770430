"""Twenty lines of the same terms, set at once; the version's guard with its control."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from threading import Barrier

import pytest

from accounts.models import User
from common.db import run_in_unit
from errands import services
from errands.models import Terms, term_rows
from errands.policy import FIRST_TERMS, Case, Fault, Outcome, with_term
from errands.states import Move, State
from tests.races.crowd import MANY, at_once

pytestmark = [pytest.mark.races, pytest.mark.django_db(transaction=True)]
LATE = Case(Move.CANCEL, State.ASSIGNED, Fault.NONE)


@pytest.fixture
def terms(dana: User, now: dt.datetime) -> Terms:
    begins = now + dt.timedelta(days=1)
    return services.terms_write(valid_from=begins, commission_percent=10, by=dana, now=now)


def more_lines(terms: Terms) -> int:
    return len(Terms.objects.get(pk=terms.pk).table) - len(FIRST_TERMS)


def test_no_line_that_was_set_is_lost(terms: Terms, dana: User, now: dt.datetime) -> None:
    def set_line(number: int) -> str:
        services.term_set(
            terms_id=terms.pk, case=LATE, after_minutes=100 + number, outcome=Outcome(1),
            by=dana, now=now,
        )  # fmt: skip
        return "set"

    found = Counter(at_once(set_line))
    assert set(found) <= {"set", "terms_changed"}
    assert more_lines(terms) == found["set"] >= 1
    assert Terms.objects.get(pk=terms.pk).version == 1 + found["set"]


@pytest.mark.control
def test_control_without_the_version_lines_are_lost(terms: Terms) -> None:
    seen = Barrier(MANY)

    def set_line(number: int) -> int:
        mine = Terms.objects.get(pk=terms.pk)
        seen.wait(20)  # nobody writes before everybody has looked
        rows = term_rows(with_term(mine.table, LATE, 100 + number, Outcome(1)))
        return run_in_unit(lambda: Terms.objects.filter(pk=terms.pk).update(rows=rows))

    assert at_once(set_line) == [1] * MANY
    assert more_lines(terms) == 1
