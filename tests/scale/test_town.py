"""The town of the scale tests is one that the services could have built."""

from __future__ import annotations

import datetime as dt

import pytest

from dispatch.audit import audit
from errands.models import Errand
from errands.states import State
from payments.selectors import books_balance
from tests.scale.town import Size, load

pytestmark = pytest.mark.django_db

SMALL = Size(requesters=20, runners=10, errands=100, live=24, storied=1)


def test_the_audit_finds_nothing(now: dt.datetime) -> None:
    load(SMALL, now=now)
    report = audit(now=now)
    assert (report.errands, report.findings) == (100, [])
    assert books_balance().sound


def test_it_has_as_many_as_asked_for_and_some_in_every_state(now: dt.datetime) -> None:
    town = load(SMALL, now=now)
    assert len(town.errands) == Errand.objects.count() == 100
    assert len(town.requesters) == 20
    states = set(Errand.objects.values_list("state", flat=True))
    assert states == set(State) - {State.REFUNDED, State.RETURNED}
    assert town.shared().requester == town.alice
