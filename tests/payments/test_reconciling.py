"""The books against the gateway, escrow and the lists beside them; what becomes of a difference."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import replace
from threading import Thread

import pytest
from django.db import connections
from django.utils import timezone

from accounts.models import User
from common.errors import DomainError
from payments import escrow, ledger
from payments.audit import Found, account_differences, books
from payments.gateways import GatewayDown
from payments.gateways.sandbox import SandboxGateway
from payments.models import (
    Account,
    Difference,
    DifferenceState,
    Payment,
    Payout,
    Refund,
    Transfer,
)
from payments.selectors import books_balance
from payments.services import difference_dismiss, difference_settle, reconcile
from payments.signals import escrow_asked
from payments.tasks import sweep_books
from tests.conftest import refused
from tests.payments.conftest import SUBJECT, Pay
from tests.payments.gateway import MemoryGateway, is_silent
from tests.payments.paid import approved, make_checker, requested, settled, with_account

pytestmark = pytest.mark.django_db(transaction=True)

Company = type[MemoryGateway]
DAY = dt.timedelta(days=1)


@pytest.fixture(autouse=True)
def claims() -> Iterator[dict[str, int]]:
    """What somebody above says that escrow has to hold."""
    said: dict[str, int] = {}

    def answer(*, subject: str | None, **_rest: object) -> dict[str, int]:
        return said if subject is None else {k: v for k, v in said.items() if k == subject}

    escrow_asked.connect(answer, weak=False, dispatch_uid="claims")
    yield said
    escrow_asked.disconnect(dispatch_uid="claims")


@pytest.fixture
def tomorrow(now: dt.datetime) -> dt.datetime:
    return now + DAY


def told(company: Company, now: dt.datetime) -> None:
    """Let the company settle exactly what our books have of today."""
    day = timezone.localdate(now)
    company.lines[:] = SandboxGateway().settlements(day=day, timeout_s=1)


def opened() -> list[tuple[str, str, int, int]]:
    rows = Difference.objects.filter(state=DifferenceState.OPEN).order_by("kind", "subject")
    return list(rows.values_list("kind", "subject", "expected", "found"))


@pytest.fixture
def settled_books(
    paid: Pay, bob: User, company: Company, claims: dict[str, int], now: dt.datetime
) -> str:
    """One order held and claimed, one that went back; all of it settled by the company."""
    order = paid(11_000)
    back = paid(5_000, subject="thing:2", reference="thing:2")
    refund = escrow.refund_order(order_id=back.order_id, reason="over", now=now)
    assert escrow.refund_send(refund_id=refund.pk, now=now)
    told(company, now)
    claims[SUBJECT] = 11_000
    return order.order_id


def test_what_agrees_is_no_difference(settled_books: str, tomorrow: dt.datetime) -> None:
    assert len(MemoryGateway.lines) == 3
    assert reconcile(now=tomorrow) == (0, 0)
    assert not Difference.objects.exists()


# --- The gateway -------------------------------------------------------------------------


def test_each_side_lacks_a_line(
    settled_books: str, company: Company, tomorrow: dt.datetime, dana: User
) -> None:
    payment, other, cancel = company.lines
    company.lines[:] = [other, replace(payment, order_id="order-x"), replace(cancel, amount=4_000)]
    assert reconcile(now=tomorrow) == (3, 0)
    assert opened() == [
        ("cancel", cancel.order_id, 4_000, 5_000),
        ("payment", settled_books, 0, 11_000),
        ("payment", "order-x", 11_000, 0),
    ]
    assert reconcile(now=tomorrow + DAY) == (0, 0)  # looked at again, and the same
    moves = {row.subject: row.moves for row in Difference.objects.all()}
    assert moves["order-x"] == [["gateway", -11_000], ["suspense", 11_000]]
    assert moves[cancel.order_id] == [["gateway", -1_000], ["suspense", 1_000]]


def test_a_line_of_the_next_day_is_no_difference_at_last(
    settled_books: str, company: Company, tomorrow: dt.datetime
) -> None:
    company.lines[0] = replace(company.lines[0], sold_on=company.lines[0].sold_on + DAY)
    assert reconcile(now=tomorrow) == (1, 0)  # the company knows a day when it is over
    assert reconcile(now=tomorrow + DAY) == (0, 1)
    assert Difference.objects.get().state == DifferenceState.GONE


def test_a_payment_that_the_ledger_lacks_is_not_taken_for_booked(
    settled_books: str, company: Company, tomorrow: dt.datetime
) -> None:
    day = company.lines[0].sold_on
    Payment.objects.filter(order_id=settled_books).update(order_id="order-y")
    company.lines[:] = SandboxGateway().settlements(day=day, timeout_s=1)
    reconcile(now=tomorrow)
    assert ("payment", "order-y", 11_000, 0) in opened()


def test_a_silent_company_stops_nothing_else(
    settled_books: str, company: Company, claims: dict[str, int], tomorrow: dt.datetime
) -> None:
    claims[SUBJECT] = 10_000
    company.before.append(is_silent)
    with pytest.raises(GatewayDown):
        reconcile(now=tomorrow)
    assert opened() == [("escrow", SUBJECT, 10_000, 11_000)]


def test_a_day_on_which_nobody_could_ask_is_compared_later(
    settled_books: str, company: Company, tomorrow: dt.datetime
) -> None:
    del company.lines[0]
    company.before.append(is_silent)
    with pytest.raises(GatewayDown):
        reconcile(now=tomorrow)
    assert reconcile(now=tomorrow + DAY) == (1, 0)
    assert opened() == [("payment", settled_books, 0, 11_000)]


# --- Escrow and the lists beside the ledger ----------------------------------------------


def test_escrow_against_what_is_claimed(
    settled_books: str, claims: dict[str, int], tomorrow: dt.datetime
) -> None:
    claims.update({SUBJECT: 12_000, "thing:9": 700})
    reconcile(now=tomorrow)
    assert opened() == [("escrow", SUBJECT, 12_000, 11_000), ("escrow", "thing:9", 700, 0)]
    claims.update({SUBJECT: 11_000, "thing:9": 0})
    assert reconcile(now=tomorrow) == (0, 2)


def test_money_of_just_now_may_be_unheard_of(paid: Pay, company: Company, now: dt.datetime) -> None:
    paid(11_000)
    assert reconcile(now=now) == (0, 0)
    assert reconcile(now=now + dt.timedelta(minutes=3)) == (1, 0)


def test_a_balance_that_is_not_the_sum_of_its_entries(
    settled_books: str, claims: dict[str, int], tomorrow: dt.datetime, dana: User
) -> None:
    name = ledger.escrow_account(SUBJECT)
    Account.objects.filter(name=name).update(balance=11_500)
    claims[SUBJECT] = 11_500
    reconcile(now=tomorrow)
    assert opened() == [("balance", name, 11_000, 11_500)]
    with pytest.raises(DomainError) as refusal:
        difference_settle(
            difference_id=Difference.objects.get().pk, by=dana, reason="x", now=tomorrow
        )
    assert refusal.value.code == "no_entry"
    assert opened()  # nothing of it is kept


def test_what_is_under_way_and_the_tax(
    bob: User, dana: User, paid: Pay, company: Company, now: dt.datetime
) -> None:
    with_account(bob, now)
    requested(bob, 10_000, now)
    settled(approved(dana, make_checker(), now), dana, now)
    requested(bob, 5_000, now)
    refund = escrow.refund_order(order_id=paid(7_000).order_id, reason="over", now=now)
    told(company, now)
    assert reconcile(now=now) == (0, 0)
    Refund.objects.filter(pk=refund.pk).update(amount=6_000)
    Payout.objects.filter(gross=5_000).update(gross=4_900)
    Payout.objects.filter(gross=10_000).update(income_tax=200)
    reconcile(now=now)
    assert opened() == [
        ("payouts", "payouts", 4_900, 5_000),
        ("refunds", "refunds", 6_000, 7_000),
        ("tax", "tax", 230, 330),
    ]


# --- What becomes of a difference --------------------------------------------------------


@pytest.fixture
def difference(settled_books: str, claims: dict[str, int], tomorrow: dt.datetime) -> Difference:
    """Escrow holds ₩11,000 and only ₩10,000 are claimed."""
    claims[SUBJECT] = 10_000
    reconcile(now=tomorrow)
    return Difference.objects.get()


def test_its_entry_settles_it(difference: Difference, dana: User, tomorrow: dt.datetime) -> None:
    assert ledger.balance_of("suspense") == 0
    done = difference_settle(
        difference_id=difference.pk, by=dana, reason="paid twice", now=tomorrow
    )
    assert (done.state, done.closed_by, done.reason) == ("settled", dana, "paid twice")
    assert Transfer.objects.get(reference=f"adjust:{difference.pk}").kind == "adjust"
    assert (escrow.escrow_held(SUBJECT), ledger.balance_of("suspense")) == (10_000, 1_000)
    assert reconcile(now=tomorrow + DAY) == (0, 0)
    assert books_balance().sound
    with pytest.raises(DomainError) as refusal:
        difference_settle(difference_id=difference.pk, by=dana, reason="again", now=tomorrow)
    assert refusal.value.code == "difference_closed"


def test_what_is_gone_meanwhile_is_not_corrected(
    difference: Difference, dana: User, claims: dict[str, int], tomorrow: dt.datetime
) -> None:
    claims[SUBJECT] = 10_500
    with refused("difference_gone"):
        difference_settle(difference_id=difference.pk, by=dana, reason="x", now=tomorrow)
    assert not Transfer.objects.filter(kind="adjust").exists()
    assert reconcile(now=tomorrow) == (1, 1)  # another amount


def test_an_entry_that_the_account_cannot_bear_changes_nothing(
    difference: Difference, dana: User, tomorrow: dt.datetime
) -> None:
    Difference.objects.update(
        moves=[[ledger.escrow_account(SUBJECT), -12_000], ["suspense", 12_000]]
    )
    with pytest.raises(ledger.Insufficient):
        difference_settle(difference_id=difference.pk, by=dana, reason="x", now=tomorrow)
    assert len(opened()) == 1
    assert escrow.escrow_held(SUBJECT) == 11_000


def test_dismissed_it_is_not_told_of_again_but_another_amount_is(
    difference: Difference, dana: User, claims: dict[str, int], tomorrow: dt.datetime
) -> None:
    difference_dismiss(difference_id=difference.pk, by=dana, reason="known", now=tomorrow)
    assert reconcile(now=tomorrow + DAY) == (0, 0)
    claims[SUBJECT] = 9_000
    assert reconcile(now=tomorrow + DAY) == (1, 0)
    assert not Transfer.objects.filter(kind="adjust").exists()


def test_gone_and_back_it_is_open_again(
    difference: Difference, claims: dict[str, int], tomorrow: dt.datetime
) -> None:
    claims[SUBJECT] = 11_000
    assert reconcile(now=tomorrow) == (0, 1)
    difference.refresh_from_db()
    assert (difference.state, difference.closed_at) == ("gone", tomorrow)
    claims[SUBJECT] = 10_000
    assert reconcile(now=tomorrow) == (1, 0)
    difference.refresh_from_db()
    assert (difference.state, difference.closed_at) == ("open", None)


def test_settled_it_may_come_another_day(
    difference: Difference, dana: User, claims: dict[str, int], tomorrow: dt.datetime
) -> None:
    difference_settle(difference_id=difference.pk, by=dana, reason="x", now=tomorrow)
    claims[SUBJECT] = 9_000
    assert reconcile(now=tomorrow) == (0, 0)  # the look may be older than the entry
    assert reconcile(now=tomorrow + DAY) == (1, 0)


@pytest.mark.parametrize("work", [difference_settle, difference_dismiss])
def test_only_finance_and_only_with_a_reason(
    difference: Difference, alice: User, dana: User, tomorrow: dt.datetime, work: object
) -> None:
    assert callable(work)
    for by, reason, code in ((alice, "x", "finance_only"), (dana, "  ", "reason_missing")):
        with pytest.raises(DomainError) as refusal:
            work(difference_id=difference.pk, by=by, reason=reason, now=tomorrow)
        assert refusal.value.code == code
    assert len(opened()) == 1


def test_the_sweep_compares(paid: Pay, company: Company) -> None:
    paid()
    Account.objects.filter(name=ledger.escrow_account(SUBJECT)).update(balance=1)
    sweep_books()
    assert [row[0] for row in opened()] == ["balance"]


# --- While others write ------------------------------------------------------------------


def books_while(paid: Pay, now: dt.datetime, monkeypatch: pytest.MonkeyPatch) -> list[Found]:
    """Compare; between the rows and the ledger somebody asks for a refund."""
    order_id, look = paid().order_id, books._refunds

    def write() -> None:
        escrow.refund_order(order_id=order_id, reason="over", now=now)
        connections.close_all()

    writer = Thread(target=write)

    def interrupted() -> int:
        rows = look()
        writer.start()
        writer.join(2)  # on SQLite it waits until we are through
        return rows

    monkeypatch.setattr(books, "_refunds", interrupted)
    found = account_differences()
    writer.join()
    assert ledger.balance_of(ledger.REFUNDS) == 11_000
    return found


def test_what_is_written_meanwhile_is_no_difference(
    paid: Pay, now: dt.datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert books_while(paid, now, monkeypatch) == []


@pytest.mark.control
def test_control_without_one_moment_it_would_be(
    paid: Pay, now: dt.datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(books, "one_moment", nullcontext)
    found = books_while(paid, now, monkeypatch)
    assert [(each.expected, each.found) for each in found] == [(0, 11_000)]
