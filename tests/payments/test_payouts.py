from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from typing import Any

import pytest
from django.db import IntegrityError, connection
from pytest_django import Settings

from accounts.models import User
from common.errors import DomainError
from payments import ledger, payouts, tasks
from payments.apps import check_payouts
from payments.audit import account_differences
from payments.models import BankAccount, BatchState, Payout, PayoutBatch, PayoutState
from payments.payouts import requests
from payments.payouts.accounts import next_weekly
from payments.payouts.results import BadFile
from payments.selectors import balance_of_user, books_balance, tax_remitted
from tests.conftest import refused
from tests.payments.holders import MemoryHolders
from tests.payments.paid import (
    DETAILS,
    NUMBER,
    RESIDENT,
    approved,
    earn,
    lay_out,
    make_checker,
    requested,
    settled,
    with_account,
)

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def account(bob: User, now: dt.datetime) -> BankAccount:
    return with_account(bob, now)


@pytest.fixture
def erin(db: None) -> User:
    return make_checker()


def result(payout: Payout, *, paid: bool = True, line: int = 2, reason: str = "") -> payouts.Result:
    return payouts.Result(line, payout.reference, paid, reason)


# --- Bank accounts -----------------------------------------------------------------------


def test_an_account_is_kept_sealed(account: BankAccount, bob: User) -> None:
    account.refresh_from_db()
    assert (account.bank, account.last4, account.holder) == ("088", "6789", "김밥")
    assert account.number.reveal() == "110123456789"
    assert account.resident_number.reveal() == "9001011234568"
    assert "6789" in str(account)
    shown = f"{account} {account!r} {DETAILS} {vars(account)}"
    assert not any(each in shown for each in ("110123456789", NUMBER, RESIDENT, "9001011234568"))


def test_a_later_account_keeps_the_resident_number(
    account: BankAccount, bob: User, now: dt.datetime
) -> None:
    later = with_account(bob, now, number="22255566677", resident_number=None)
    later.refresh_from_db()
    assert (later.pk, later.last4) == (account.pk, "6677")
    assert later.resident_number.reveal() == "9001011234568"


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ({"bank": "999"}, "bank_unknown"),
        ({"number": "12-34"}, "account_number_wrong"),
        ({"number": "=1+1234567"}, "account_number_wrong"),
        ({"number": "１１０１２３４５６７８９"}, "account_number_wrong"),
        ({"resident_number": "900101-1234567"}, "resident_number_wrong"),
        ({"resident_number": ""}, "resident_number_wrong"),
        ({"number": "110-123-450000"}, "account_unknown"),
    ],
)
def test_a_wrong_account_is_not_stored(
    bob: User, now: dt.datetime, given: dict[str, str], code: str
) -> None:
    with refused(code):
        with_account(bob, now, **given)
    assert not BankAccount.objects.exists()


def test_the_holder_is_whom_the_bank_names(
    bob: User, now: dt.datetime, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.HOLDER_CHECK = "tests.payments.holders.MemoryHolders"
    monkeypatch.setattr(MemoryHolders, "known", {("088", "110123456789"): "김 밥"})
    assert with_account(bob, now).holder == "김밥"
    with refused("holder_differs"):
        with_account(bob, now, holder="이몽룡")
    monkeypatch.setattr(MemoryHolders, "silent", True)
    with refused("gateway_unavailable"):
        with_account(bob, now)


# --- Requests ----------------------------------------------------------------------------


@pytest.mark.usefixtures("account")
def test_a_request_takes_all_there_is(bob: User, now: dt.datetime) -> None:
    earn(bob, 18_500)
    payout = payouts.payout_request(user=bob, now=now)
    assert (payout.gross, payout.income_tax, payout.local_tax, payout.net) == (
        18_500, 550, 50, 17_900,
    )  # fmt: skip
    assert (balance_of_user(bob), ledger.balance_of(ledger.PAYOUTS)) == (0, 18_500)
    assert books_balance().sound


@pytest.mark.usefixtures("account")
def test_where_the_requester_pays_nothing_is_withheld(
    bob: User, now: dt.datetime, settings: Settings
) -> None:
    settings.TAX_MODE = "requester_pays"
    BankAccount.objects.update(resident_number=None)
    assert requested(bob, 18_500, now).net == 18_500


@pytest.mark.usefixtures("account")
@pytest.mark.parametrize(
    ("amount", "code"),
    [(999, "below_minimum"), (0, "below_minimum"), (-1, "below_minimum"),
     (5_001, "insufficient_funds")],
)  # fmt: skip
def test_a_refused_request_moves_nothing(
    bob: User, now: dt.datetime, amount: int, code: str
) -> None:
    earn(bob, 5_000)
    with refused(code):
        payouts.payout_request(user=bob, amount=amount, now=now)
    assert balance_of_user(bob) == 5_000
    assert not Payout.objects.exists()


def test_without_an_account_or_a_resident_number(bob: User, now: dt.datetime) -> None:
    earn(bob, 5_000)
    with refused("no_bank_account"):
        payouts.payout_request(user=bob, now=now)
    with_account(bob, now, resident_number=None)
    with refused("no_resident_number"):
        payouts.payout_request(user=bob, now=now)
    assert balance_of_user(bob) == 5_000


def test_a_payout_goes_where_it_was_asked_to(
    account: BankAccount, bob: User, now: dt.datetime
) -> None:
    payout = requested(bob, 5_000, now)
    with_account(bob, now, number="22255566677")
    payout.refresh_from_db()
    assert payout.number.reveal() == "110123456789"


# --- The weekly sweep --------------------------------------------------------------------

SEOUL = dt.timezone(dt.timedelta(hours=9))


@pytest.mark.parametrize(
    ("at", "expected"),
    [
        (dt.datetime(2026, 11, 28, 12, tzinfo=SEOUL), 30),
        (dt.datetime(2026, 11, 23, 8, 59, tzinfo=SEOUL), 23),
        (dt.datetime(2026, 11, 23, 9, tzinfo=SEOUL), 30),
        (dt.datetime(2026, 11, 29, 23, tzinfo=dt.UTC), 30),
    ],
)
def test_the_next_week_is_a_monday_of_seoul(at: dt.datetime, expected: int) -> None:
    assert next_weekly(at) == dt.datetime(2026, 11, expected, 9, tzinfo=SEOUL)


def test_the_sweep_asks_once_a_week(bob: User, now: dt.datetime) -> None:
    account = with_account(bob, now, weekly=True)
    earn(bob, 5_000)
    assert payouts.payouts_schedule(now=now) == 0
    due = account.payout_at
    assert due is not None
    assert [payouts.payouts_schedule(now=due) for _twice in range(2)] == [1, 0]
    earn(bob, 999, reference="earned:2")
    later = due + dt.timedelta(days=8)
    assert payouts.payouts_schedule(now=later) == 0  # below the minimum: next week
    earn(bob, 1, reference="earned:3")
    assert payouts.payouts_schedule(now=later + dt.timedelta(days=7)) == 1
    assert [row.gross for row in Payout.objects.order_by("id")] == [5_000, 1_000]


def test_the_sweep_passes_over_who_lacks_a_number(bob: User, now: dt.datetime) -> None:
    account = with_account(bob, now, weekly=True, resident_number=None)
    earn(bob, 5_000)
    assert account.payout_at is not None
    assert payouts.payouts_schedule(now=account.payout_at) == 0
    assert balance_of_user(bob) == 5_000


def test_an_hour_that_comes_twice_stops_nobody(bob: User, alice: User, now: dt.datetime) -> None:
    due = with_account(bob, now, weekly=True).payout_at
    assert due is not None
    earn(bob, 5_000)
    assert payouts.payouts_schedule(now=due) == 1
    # As by a keeping of the account that began before the hour and ended after it
    BankAccount.objects.update(payout_at=due)
    with_account(alice, now, weekly=True)
    for user in (alice, bob):
        earn(user, 2_000, reference=f"earned:{user.email}")
    assert payouts.payouts_schedule(now=due) == 1
    assert (balance_of_user(alice), balance_of_user(bob)) == (0, 2_000)
    assert BankAccount.objects.get(user=bob).payout_at == due + dt.timedelta(days=7)


def test_one_who_is_refused_stops_nobody(
    bob: User, alice: User, now: dt.datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    for user in (bob, alice):
        due = with_account(user, now, weekly=True).payout_at
        earn(user, 5_000, reference=f"earned:{user.email}")
    take = requests._take

    def spent_meanwhile(account: BankAccount, gross: int, **given: Any) -> Payout:
        return take(account, gross + (account.user_id == bob.pk), **given)

    monkeypatch.setattr(requests, "_take", spent_meanwhile)
    assert due is not None
    assert payouts.payouts_schedule(now=due) == 1
    assert (balance_of_user(alice), balance_of_user(bob)) == (0, 5_000)


# --- Batches -----------------------------------------------------------------------------


@pytest.mark.usefixtures("account")
def test_two_people_and_the_banks_word_pay(
    bob: User, dana: User, erin: User, now: dt.datetime
) -> None:
    payout = requested(bob, 10_000, now)
    batch = approved(dana, erin, now)
    assert (batch.rows, batch.net, batch.state) == (1, 9_670, BatchState.APPROVED)
    payout.refresh_from_db()
    assert payout.state == PayoutState.BATCHED
    settled(batch, dana, now)
    payout.refresh_from_db()
    batch.refresh_from_db()
    assert (payout.state, payout.done_at, batch.state) == ("paid", now, "settled")
    assert ledger.balance_of(ledger.GATEWAY) == -330
    assert (ledger.balance_of(ledger.TAX), ledger.balance_of(ledger.PAYOUTS)) == (330, 0)
    assert books_balance().sound


@pytest.mark.usefixtures("account")
def test_who_made_a_batch_may_not_approve_it(
    bob: User, dana: User, erin: User, now: dt.datetime
) -> None:
    requested(bob, 10_000, now)
    batch = payouts.batch_make(by=dana, now=now)
    with refused("same_person"):
        payouts.batch_approve(batch_id=batch.pk, by=dana, now=now)
    batch.refresh_from_db()
    assert (batch.state, batch.approved_by) == (BatchState.MADE, None)
    payouts.batch_approve(batch_id=batch.pk, by=erin, now=now)
    with refused("batch_not_waiting"):
        payouts.batch_approve(batch_id=batch.pk, by=make_user_of_finance(), now=now)


def make_user_of_finance() -> User:
    return User.objects.create_user("frank@example.com", "x", is_staff=True, is_superuser=True)


@pytest.mark.usefixtures("account")
def test_the_database_as_well_wants_two_people(bob: User, dana: User, now: dt.datetime) -> None:
    requested(bob, 10_000, now)
    batch = payouts.batch_make(by=dana, now=now)
    if connection.vendor == "mongodb":  # has no check constraints: the update's filter is all
        return
    with pytest.raises(IntegrityError):
        PayoutBatch.objects.filter(pk=batch.pk).update(approved_by=dana)


@pytest.mark.usefixtures("account")
def test_only_finance_staff(bob: User, dana: User, alice: User, now: dt.datetime) -> None:
    requested(bob, 10_000, now)
    User.objects.filter(pk=alice.pk).update(is_staff=True)
    alice.refresh_from_db()
    with refused("finance_only"):
        payouts.batch_make(by=alice, now=now)
    batch = payouts.batch_make(by=dana, now=now)
    works: list[Callable[[], object]] = [
        lambda: payouts.batch_approve(batch_id=batch.pk, by=alice, now=now),
        lambda: payouts.batch_cancel(batch_id=batch.pk, by=alice, now=now),
        lambda: payouts.results_book(batch_id=batch.pk, results=[], by=alice, now=now),
        lambda: payouts.filing_export(year=2026, month=11, by=alice, kind="csv"),
        lambda: payouts.batch_export(
            batch_id=batch.pk, by=alice, layout="common", kind="csv", now=now
        ),
    ]
    for work in works:
        with pytest.raises(DomainError) as refusal:
            work()
        assert refusal.value.code == "finance_only"
    batch.refresh_from_db()
    assert batch.state == BatchState.MADE


@pytest.mark.usefixtures("account")
def test_a_cancelled_batch_gives_its_payouts_back(
    bob: User, dana: User, erin: User, now: dt.datetime
) -> None:
    requested(bob, 10_000, now)
    first = payouts.batch_make(by=dana, now=now)
    with refused("no_payouts"):
        payouts.batch_make(by=erin, now=now)
    payouts.batch_cancel(batch_id=first.pk, by=dana, now=now)
    assert approved(erin, dana, now).rows == 1
    with refused("batch_not_waiting"):
        payouts.batch_cancel(batch_id=first.pk, by=dana, now=now)


@pytest.mark.usefixtures("account")
def test_changed_rows_are_not_approved(bob: User, dana: User, erin: User, now: dt.datetime) -> None:
    payout = requested(bob, 10_000, now)
    batch = payouts.batch_make(by=dana, now=now)
    Payout.objects.filter(pk=payout.pk).update(holder="이몽룡")
    with refused("batch_changed"):
        payouts.batch_approve(batch_id=batch.pk, by=erin, now=now)
    batch.refresh_from_db()
    assert batch.state == BatchState.MADE


# --- Results -----------------------------------------------------------------------------


@pytest.fixture
def three(account: BankAccount, bob: User, now: dt.datetime) -> list[Payout]:
    return [requested(bob, amount, now) for amount in (3_500, 5_000, 10_000)]


def test_a_failure_returns_the_gross(
    three: list[Payout], bob: User, dana: User, erin: User, now: dt.datetime
) -> None:
    batch = approved(dana, erin, now)
    results = [result(three[0]), result(three[1], paid=False, reason="해지계좌")]
    found = payouts.results_book(batch_id=batch.pk, results=results, by=dana, now=now)
    assert found == (1, 1, 0)
    assert balance_of_user(bob) == 5_000
    assert ledger.balance_of(ledger.PAYOUTS) == 10_000
    three[1].refresh_from_db()
    assert (three[1].state, three[1].reason) == ("failed", "해지계좌")
    batch.refresh_from_db()
    assert batch.state == BatchState.APPROVED  # one is still with the bank
    again = payouts.results_book(
        batch_id=batch.pk, results=[*results, result(three[2], line=4)], by=dana, now=now
    )
    assert again == (1, 0, 2)
    batch.refresh_from_db()
    assert batch.state == BatchState.SETTLED
    assert books_balance().sound
    assert payouts.payout_request(user=bob, now=now).gross == 5_000


def test_nothing_is_done_when_a_line_fits_nothing(
    three: list[Payout], bob: User, dana: User, erin: User, now: dt.datetime
) -> None:
    batch = approved(dana, erin, now)
    stray = requested(bob, 2_000, now)
    results = [result(three[0]), result(stray, line=3), result(three[0], line=4)]
    with pytest.raises(BadFile) as refusal:
        payouts.results_book(batch_id=batch.pk, results=results, by=dana, now=now)
    assert [each["line"] for each in refusal.value.extra["lines"]] == [3, 4]
    assert "3:" in str(refusal.value)
    assert not Payout.objects.filter(state=PayoutState.PAID).exists()
    assert ledger.balance_of(ledger.TAX) == 0


def test_a_bank_may_not_change_its_mind(
    three: list[Payout], dana: User, erin: User, now: dt.datetime
) -> None:
    batch = approved(dana, erin, now)
    settled(batch, dana, now)
    with refused("bad_result_file"):
        payouts.results_book(
            batch_id=batch.pk, results=[result(three[0], paid=False)], by=dana, now=now
        )


def test_export_and_import_tell_how_far_they_are(
    account: BankAccount, bob: User, dana: User, erin: User, now: dt.datetime
) -> None:
    rows = [requested(bob, 1_000, now) for _each in range(4)]
    batch = approved(dana, erin, now)
    told: list[tuple[int, int]] = []
    for kind in ("csv", "xlsx"):
        told.clear()
        payouts.batch_export(
            batch_id=batch.pk, by=dana, layout="common", kind=kind, now=now,
            told=lambda *how_far: told.append(how_far),
        )  # fmt: skip
        assert told == [(line, 5) for line in range(1, 6)]  # the heads are a line as well
    told.clear()
    payouts.results_book(
        batch_id=batch.pk, results=[result(row) for row in rows], by=dana, now=now,
        told=lambda *how_far: told.append(how_far),
    )  # fmt: skip
    assert told == [(1, 4), (2, 4), (3, 4), (4, 4)]


def test_what_the_bank_returns_is_the_users_again(
    account: BankAccount, bob: User, dana: User, erin: User, now: dt.datetime
) -> None:
    payout = requested(bob, 10_000, now)
    settled(approved(dana, erin, now), dana, now)
    later = now + dt.timedelta(days=3)
    assert ledger.balance_of(ledger.TAX) == 330
    payouts.payout_return(payout_id=payout.pk, by=dana, reason=" closed ", now=later)
    payout.refresh_from_db()
    assert (payout.state, payout.reason, payout.done_at) == ("failed", "closed", later)
    left = [ledger.balance_of(name) for name in (ledger.PAYOUTS, ledger.TAX, ledger.GATEWAY)]
    assert (balance_of_user(bob), left) == (10_000, [0, 0, -10_000])
    assert books_balance().sound
    again = payouts.payout_request(user=bob, now=later)  # to the account that he has now
    assert again.gross == 10_000


def test_what_was_laid_out_is_returned_with_it(
    account: BankAccount, bob: User, dana: User, erin: User, now: dt.datetime
) -> None:
    lay_out(bob, 700)
    payout = requested(bob, 10_000, now)
    settled(approved(dana, erin, now), dana, now)
    payouts.payout_return(payout_id=payout.pk, by=dana, reason="closed", now=now)
    left = ledger.balance_of(ledger.expenses_account(bob.pk))
    assert (balance_of_user(bob), left, ledger.balance_of(ledger.TAX)) == (10_000, 700, 0)
    assert account_differences() == []


def test_tax_is_paid_once_a_month(
    account: BankAccount, bob: User, dana: User, erin: User, alice: User, now: dt.datetime
) -> None:
    requested(bob, 10_000, now)
    settled(approved(dana, erin, now), dana, now)
    with refused("finance_only"):
        payouts.tax_pay(month="2026-11", amount=330, by=alice)
    for amount in (0, 331):
        with refused("amount_out_of_range"):
            payouts.tax_pay(month="2026-11", amount=amount, by=dana)
    payouts.tax_pay(month="2026-11", amount=300, by=dana)
    with refused("tax_paid"):
        payouts.tax_pay(month="2026-11", amount=30, by=dana)
    assert (ledger.balance_of(ledger.TAX), tax_remitted()) == (30, 300)
    assert account_differences() == []
    assert books_balance().sound


def test_only_what_was_paid_is_returned(
    account: BankAccount, bob: User, dana: User, erin: User, alice: User, now: dt.datetime
) -> None:
    payout = requested(bob, 10_000, now)
    give_back = payouts.payout_return
    with refused("payout_not_paid"):
        give_back(payout_id=payout.pk, by=dana, reason="x", now=now)
    settled(approved(dana, erin, now), dana, now)
    for by, reason, code in ((alice, "x", "finance_only"), (dana, " ", "reason_missing")):
        with refused(code):
            give_back(payout_id=payout.pk, by=by, reason=reason, now=now)
    with refused("not_found"):
        give_back(payout_id=account.pk, by=dana, reason="x", now=now)
    give_back(payout_id=payout.pk, by=dana, reason="x", now=now)
    with refused("payout_not_paid"):
        give_back(payout_id=payout.pk, by=dana, reason="x", now=now)
    assert balance_of_user(bob) == 10_000


def test_a_batch_that_nobody_approved_has_no_result(
    three: list[Payout], dana: User, now: dt.datetime
) -> None:
    batch = payouts.batch_make(by=dana, now=now)
    with refused("batch_not_approved"):
        payouts.results_book(batch_id=batch.pk, results=[result(three[0])], by=dana, now=now)


# --- Settings ----------------------------------------------------------------------------


def test_real_people_are_not_paid_unchecked(settings: Settings) -> None:
    assert [found.id for found in check_payouts()] == ["payments.E003"]
    settings.SANDBOX = True
    assert check_payouts() == []
    settings.SANDBOX, settings.HOLDER_CHECK = False, "tests.payments.holders.MemoryHolders"
    assert check_payouts() == []


def test_settings_that_mean_nothing_are_noticed(settings: Settings) -> None:
    settings.TAX_MODE, settings.HOLDER_CHECK = "nobody_pays", "payments.nowhere"
    assert [found.id for found in check_payouts()] == ["payments.E004", "payments.E005"]


def test_the_task_asks_for_weekly_payouts(bob: User, now: dt.datetime) -> None:
    with_account(bob, now, weekly=True)
    earn(bob, 5_000)
    BankAccount.objects.update(payout_at=now)
    tasks.sweep_payouts(added_later=1)
    tasks.sweep_payouts()
    assert Payout.objects.get().gross == 5_000
