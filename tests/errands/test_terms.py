"""Terms with a date: written ahead, never changed once they are near, kept by each errand."""

from __future__ import annotations

import datetime as dt
from importlib import import_module
from typing import Any

import pytest
from django.apps import apps
from django.contrib.auth.models import Permission

from accounts.models import Strike, User
from errands import services
from errands.models import Errand, Quote, Terms
from errands.policy import CASES, FIRST_TERMS, Case, Fault, Outcome
from errands.selectors import BEGINNING, terms_at, terms_end, terms_forget
from errands.services import NOTICE
from errands.states import Move, State
from payments.ledger import COMMISSION, balance_of
from payments.selectors import balance_of_user
from tests.conftest import make_errand, make_user, pay_for, refused, walk

DAY = dt.timedelta(days=1)
MINUTE = dt.timedelta(minutes=1)
LATE = Case(Move.CANCEL, State.ASSIGNED, Fault.NONE)
migration = import_module("errands.migrations.0004_terms")


def write(by: User, now: dt.datetime, *, days: int = 1, commission: int = 10) -> Terms:
    terms = services.terms_write(
        valid_from=now + days * DAY, commission_percent=commission, by=by, now=now
    )
    terms_forget()
    return terms


def set_late(terms: Terms, percent: int, *, by: User, now: dt.datetime) -> Terms:
    changed = services.term_set(
        terms_id=terms.pk, case=LATE, after_minutes=5, outcome=Outcome(percent), by=by, now=now
    )
    terms_forget()
    return changed


def late_percent(at: dt.datetime) -> int:
    table = terms_at(at).table
    return max(t for t in table if Case(*t[:3]) == LATE).outcome.runner_percent


def cancelled(errand: Errand, at: dt.datetime) -> Errand:
    return services.errand_cancel(errand_id=errand.pk, requester=errand.requester, note="", now=at)


# --- What holds when ---------------------------------------------------------------------


def test_the_first_rows_say_what_the_code_said(db: None) -> None:
    Terms.objects.all().delete()
    migration.write_first(apps, None)
    terms = Terms.objects.get()
    assert set(terms.table) == set(FIRST_TERMS)
    assert len(terms.table) == len(FIRST_TERMS)
    assert (terms.valid_from, terms.commission_percent) == (BEGINNING, 10)


def test_without_rows_the_first_terms_hold(db: None, now: dt.datetime) -> None:
    Terms.objects.all().delete()
    assert set(terms_at(now).table) == set(FIRST_TERMS)
    assert terms_at(now).commission_percent == 10
    assert terms_end(now) is None


def test_terms_hold_from_their_moment_until_the_next(dana: User, now: dt.datetime) -> None:
    set_late(write(dana, now, days=1, commission=12), 40, by=dana, now=now)
    second = write(dana, now, days=2, commission=8)
    begins = now + DAY
    before = begins - dt.timedelta(milliseconds=1)
    assert (late_percent(before), terms_at(before).commission_percent) == (30, 10)
    assert (late_percent(begins), terms_at(begins).commission_percent) == (40, 12)
    # The second were copied from those that hold then, not from those of today.
    assert (late_percent(now + 3 * DAY), terms_at(now + 3 * DAY)) == (40, second)
    assert [terms_end(at) for at in (now, begins)] == [begins, now + 2 * DAY]


def test_a_process_reads_them_once_a_minute(
    dana: User, now: dt.datetime, django_assert_num_queries: pytest.FixtureRequest
) -> None:
    write(dana, now)
    with django_assert_num_queries(1):  # type: ignore[operator]
        for _time in range(3):
            terms_at(now)


# --- Errands keep the rules of their day -------------------------------------------------


def test_an_errand_keeps_the_terms_of_its_day(
    alice: User, bob: User, dana: User, now: dt.datetime
) -> None:
    begins = now + DAY
    set_late(write(dana, now, commission=20), 80, by=dana, now=now)
    old = make_errand(alice, reward=10_000, now=begins - 20 * MINUTE)
    new = make_errand(alice, reward=10_000, now=begins)
    assert (old.service_fee, new.service_fee) == (1_000, 2_000)
    pays = []
    for errand, opens in ((old, begins - 19 * MINUTE), (new, begins)):
        walk(pay_for(errand, now=opens), bob, State.ASSIGNED, now=begins)
        before = balance_of_user(bob), balance_of(COMMISSION)
        cancelled(errand, begins + 6 * MINUTE)
        pays.append((balance_of_user(bob) - before[0], balance_of(COMMISSION) - before[1]))
    assert pays == [(3_000, 300), (8_000, 1_600)]


def test_a_raise_costs_the_fee_of_the_day(alice: User, dana: User, now: dt.datetime) -> None:
    write(dana, now, commission=20)
    errand = pay_for(make_errand(alice, reward=10_000, now=now), now=now)
    later: dict[str, Any] = {"errand_id": errand.pk, "now": now + 2 * DAY}
    order = services.raise_order_create(requester=alice, reward=20_000, **later)
    assert order.amount == 11_000
    raised = services.errand_add(
        word="raise", value=20_000, order_id=order.order_id, amount=order.amount, **later
    )
    assert (raised.reward, raised.service_fee) == (20_000, 2_000)


def test_strikes_follow_the_terms(alice: User, bob: User, dana: User, now: dt.datetime) -> None:
    terms = write(dana, now)
    services.term_set(
        terms_id=terms.pk, case=Case(Move.DROP, State.ASSIGNED, Fault.NONE), after_minutes=1,
        outcome=None, by=dana, now=now,
    )  # fmt: skip
    terms_forget()
    for at, strikes in ((now + DAY, 0), (now, 1)):
        errand = walk(pay_for(make_errand(alice, now=at), now=at), bob, State.ASSIGNED, now=at)
        services.errand_drop(errand_id=errand.pk, runner=bob, reason="", now=at + 2 * MINUTE)
        assert Strike.objects.count() == strikes


def test_a_quote_does_not_outlive_its_terms(alice: User, dana: User, now: dt.datetime) -> None:
    write(dana, now, commission=20)
    for before, stands in ((5 * MINUTE, 5 * MINUTE), (DAY, 15 * MINUTE)):
        asked = now + DAY - before
        quote = make_errand(alice, now=asked).quote
        assert quote.expires_at - asked == stands
    assert Quote.objects.count() == 2


# --- Who may write what, and when --------------------------------------------------------


def clerk(*codenames: str) -> User:
    user = make_user("erin", is_staff=True)
    User.objects.filter(pk=user.pk).update(is_superuser=False)
    user.user_permissions.set(Permission.objects.filter(codename__in=codenames))
    return User.objects.get(pk=user.pk)


def test_finance_staff_write_terms(now: dt.datetime, db: None) -> None:
    finance = clerk("finance")
    terms = set_late(write(finance, now), 35, by=finance, now=now)
    assert (terms.set_by, terms.version) == (finance, 2)
    services.terms_withdraw(terms_id=terms.pk, by=finance, now=now)
    assert not Terms.objects.filter(pk=terms.pk).exists()


def test_others_do_not(dana: User, now: dt.datetime) -> None:
    terms = write(dana, now)
    nosy = clerk("view_terms", "change_terms")
    with refused("finance_only"):
        write(nosy, now, days=2)
    with refused("finance_only"):
        set_late(terms, 99, by=nosy, now=now)
    with refused("finance_only"):
        services.terms_withdraw(terms_id=terms.pk, by=nosy, now=now)
    assert Terms.objects.get(pk=terms.pk).rows == terms.rows


@pytest.mark.parametrize(("days", "commission"), [(0, 10), (-1, 10), (1, 51), (1, -1)])
def test_terms_for_the_past_or_of_nonsense_are_refused(
    dana: User, now: dt.datetime, days: int, commission: int
) -> None:
    before = Terms.objects.count()
    with refused("too_soon" if days < 1 else "bad_share"):
        write(dana, now, days=days, commission=commission)
    assert Terms.objects.count() == before


def test_two_terms_can_not_begin_at_once(dana: User, now: dt.datetime) -> None:
    write(dana, now)
    with refused("terms_taken"):
        write(dana, now)


@pytest.mark.parametrize(
    ("case", "after", "outcome", "code"),
    [
        (Case(Move.CONFIRM, State.DELIVERED, Fault.NONE), 0, Outcome(1), "unknown_case"),
        (LATE, -1, Outcome(1), "bad_minutes"),
        (LATE, 1_441, Outcome(1), "bad_minutes"),
        (LATE, 5, Outcome(101), "bad_outcome"),
        (LATE, 5, Outcome(1, strike=True), "bad_outcome"),
        (Case(Move.CANCEL, State.OPEN, Fault.NONE), 0, Outcome(1), "bad_outcome"),
    ],
)
def test_lines_of_nonsense_are_refused(
    dana: User, now: dt.datetime, case: Case, after: int, outcome: Outcome, code: str
) -> None:
    terms = write(dana, now)
    with refused(code):
        services.term_set(
            terms_id=terms.pk, case=case, after_minutes=after, outcome=outcome, by=dana, now=now
        )
    assert Terms.objects.get(pk=terms.pk).rows == terms.rows


@pytest.mark.parametrize("left", [NOTICE - dt.timedelta(milliseconds=1), -DAY])
def test_what_is_near_or_has_begun_stays(dana: User, now: dt.datetime, left: dt.timedelta) -> None:
    terms = write(dana, now)
    late = terms.valid_from - left
    with refused("terms_fixed"):
        set_late(terms, 99, by=dana, now=late)
    with refused("terms_fixed"):
        services.terms_withdraw(terms_id=terms.pk, by=dana, now=late)
    assert Terms.objects.get(pk=terms.pk).rows == terms.rows
    set_late(terms, 99, by=dana, now=terms.valid_from - NOTICE)
    assert late_percent(terms.valid_from) == 99


def test_whoever_saw_older_lines_looks_again(
    dana: User, now: dt.datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    terms = write(dana, now)
    set_late(terms, 40, by=dana, now=now)
    monkeypatch.setattr("errands.services.terms._terms_of", lambda _key: terms)
    with refused("terms_changed"):
        set_late(terms, 50, by=dana, now=now)
    monkeypatch.undo()
    terms_forget()
    assert late_percent(terms.valid_from) == 40


def test_every_case_can_be_written(dana: User, now: dt.datetime) -> None:
    terms = write(dana, now)
    for case in CASES:
        services.term_set(
            terms_id=terms.pk, case=case, after_minutes=7, outcome=Outcome(0), by=dana, now=now
        )
    assert len(Terms.objects.get(pk=terms.pk).table) == len(FIRST_TERMS) + len(CASES)
