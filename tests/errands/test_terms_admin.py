"""Finance staff write terms, set lines and take them back; others look at most."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from accounts.models import User
from common import clock
from errands import services
from errands.models import Terms
from errands.policy import CASES, Case, Fault, Outcome
from errands.states import Move, State
from tests.errands.staff_pages import DIALOG, clerk, list_of, text_of

pytestmark = pytest.mark.django_db

DAY = dt.timedelta(days=1)
LATE = Case(Move.CANCEL, State.ASSIGNED, Fault.NONE)
LINE = {**DIALOG, "case": str(CASES.index(LATE)), "after_minutes": "5", "runner_percent": "44"}


def asked(at: dt.datetime, commission: str = "12") -> dict[str, str]:
    here = timezone.localtime(at)
    return {
        **DIALOG,
        "valid_from_0": f"{here:%Y-%m-%d}",
        "valid_from_1": f"{here:%H:%M:%S}",
        "commission_percent": commission,
    }


def page_of(terms: Terms, action: str = "change") -> str:
    return f"{list_of('terms')}{terms.pk}/{action}/"


@pytest.fixture
def terms(dana: User) -> Terms:
    now = clock.now()
    return services.terms_write(valid_from=now + DAY, commission_percent=10, by=dana, now=now)


def outcomes(terms: Terms) -> dict[float, Outcome]:
    table = Terms.objects.get(pk=terms.pk).table
    return {term.after_minutes: term.outcome for term in table if Case(*term[:3]) == LATE}


def test_terms_are_written_changed_and_withdrawn(client: Client) -> None:
    finance = clerk(client, "view_terms", "finance")
    at = (clock.now() + DAY).replace(microsecond=0)
    answer = finance.post(f"{list_of('terms')}write/", asked(at))
    terms = Terms.objects.get(valid_from=at)
    assert answer["HX-Redirect"] == page_of(terms)
    assert (terms.commission_percent, outcomes(terms)[5]) == (12, Outcome(30))
    assert finance.post(page_of(terms, "line"), LINE)["HX-Redirect"] == page_of(terms)
    assert outcomes(terms) == {0: Outcome(0), 5: Outcome(44)}
    page = text_of(finance.get(page_of(terms)))
    assert "5 44%" in page
    finance.post(page_of(terms, "line"), {**LINE, "runner_percent": ""})
    assert outcomes(terms) == {0: Outcome(0)}
    assert finance.post(page_of(terms, "withdraw"), DIALOG)["HX-Redirect"] == list_of("terms")
    assert not Terms.objects.filter(pk=terms.pk).exists()


@pytest.mark.parametrize("codenames", [["view_terms"], ["view_terms", "change_terms"], []])
def test_others_may_not(client: Client, terms: Terms, codenames: list[str]) -> None:
    nosy = clerk(client, *codenames)
    before = Terms.objects.count()
    assert nosy.get(page_of(terms)).status_code == (200 if codenames else 403)
    assert nosy.post(f"{list_of('terms')}write/", asked(clock.now() + 2 * DAY)).status_code == 403
    assert nosy.post(page_of(terms, "line"), LINE).status_code == 403
    assert nosy.post(page_of(terms, "withdraw"), DIALOG).status_code == 403
    assert Terms.objects.count() == before
    assert outcomes(terms)[5] == Outcome(30)


@pytest.mark.parametrize(
    "wrong",
    [
        {"runner_percent": "101"}, {"after_minutes": "-1"}, {"case": "99"}, {"case": "x"},
        {"after_minutes": ""},
    ],
)  # fmt: skip
def test_nonsense_is_asked_again(staff: Client, terms: Terms, wrong: dict[str, str]) -> None:
    answer = staff.post(page_of(terms, "line"), LINE | wrong)
    assert (answer.status_code, "HX-Redirect" in answer.headers) == (200, False)
    assert outcomes(terms)[5] == Outcome(30)


def test_a_refusal_is_said(staff: Client, terms: Terms) -> None:
    def said(answer: Any) -> list[str]:
        shown = staff.get(answer["HX-Redirect"]).context["messages"]
        return [message.level_tag for message in shown]

    before = Terms.objects.count()
    assert said(staff.post(f"{list_of('terms')}write/", asked(clock.now()))) == ["error"]
    assert said(staff.post(page_of(terms, "line"), {**LINE, "strike": "on"})) == ["error"]
    Terms.objects.filter(pk=terms.pk).update(valid_from=clock.now())
    assert said(staff.post(page_of(terms, "line"), LINE)) == ["error"]
    assert said(staff.post(page_of(terms, "withdraw"), DIALOG)) == ["error"]
    assert Terms.objects.count() == before
    assert outcomes(terms)[5] == Outcome(30)


def test_buttons_are_shown_while_they_do_something(staff: Client, terms: Terms) -> None:
    assert page_of(terms, "line") in staff.get(page_of(terms)).content.decode()
    Terms.objects.filter(pk=terms.pk).update(valid_from=clock.now())
    assert page_of(terms, "line") not in staff.get(page_of(terms)).content.decode()
