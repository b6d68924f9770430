"""What a user laid out for others: kept apart from earnings, and paid back whole."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable

import pypdfium2
import pytest
from django.db import IntegrityError, connection
from rest_framework.test import APIClient

from accounts.models import User
from payments import escrow, ledger, payouts
from payments.models import Payout, PayoutState
from payments.selectors import balance_of_user, books_balance, expenses_of_user, year_of
from tests.conftest import refused
from tests.payments.conftest import SUBJECT, Pay
from tests.payments.paid import approved, earn, lay_out, make_checker, settled, with_account

pytestmark = pytest.mark.django_db(transaction=True)

Client = Callable[[User | None], APIClient]


@pytest.fixture(autouse=True)
def account(bob: User, now: dt.datetime) -> None:
    with_account(bob, now)


def test_a_settlement_pays_expenses_apart(paid: Pay, bob: User, now: dt.datetime) -> None:
    paid()
    escrow.settle(
        reference=SUBJECT, kind="confirm", pay={bob.pk: 5_000}, commission=500,
        expenses={bob.pk: 4_321}, refund=1_179, now=now,
    )  # fmt: skip
    assert (balance_of_user(bob), expenses_of_user(bob)) == (5_000, 4_321)
    assert (books_balance().sound, books_balance().escrow) == (True, {})


def test_expenses_are_a_part_of_what_is_split(paid: Pay, bob: User, now: dt.datetime) -> None:
    paid()
    with refused("split_mismatch"):
        escrow.settle(
            reference=SUBJECT, kind="confirm", pay={bob.pk: 10_000}, commission=1_000,
            expenses={bob.pk: 1}, refund=0, now=now,
        )  # fmt: skip
    with pytest.raises(ValueError, match="negative"):
        escrow.settle(
            reference=SUBJECT, kind="confirm", pay={bob.pk: 10_001}, commission=1_000,
            expenses={bob.pk: -1}, refund=0, now=now,
        )  # fmt: skip
    assert expenses_of_user(bob) == 0
    assert escrow.escrow_held(SUBJECT) == 11_000


def test_a_payout_takes_them_along_untaxed(bob: User, now: dt.datetime) -> None:
    earn(bob, 18_500)
    lay_out(bob, 43_210)
    payout = payouts.payout_request(user=bob, amount=10_000, now=now)
    assert (payout.gross, payout.withheld, payout.untaxed) == (10_000, 330, 43_210)
    assert payout.net == 10_000 - 330 + 43_210
    assert (balance_of_user(bob), expenses_of_user(bob)) == (8_500, 0)
    assert ledger.balance_of(ledger.PAYOUTS) == 53_210


def test_they_alone_are_enough_for_a_payout(bob: User, now: dt.datetime) -> None:
    lay_out(bob, 999)
    with refused("below_minimum"):
        payouts.payout_request(user=bob, now=now)
    lay_out(bob, 1, reference="laid_out:2")
    with refused("below_minimum"):
        payouts.payout_request(user=bob, amount=-1, now=now)
    payout = payouts.payout_request(user=bob, now=now)
    assert (payout.gross, payout.withheld, payout.net) == (0, 0, 1_000)


def test_a_weekly_payout_takes_them_too(bob: User, now: dt.datetime) -> None:
    with_account(bob, now, weekly=True)
    lay_out(bob, 5_000)
    assert payouts.payouts_schedule(now=now + dt.timedelta(days=8)) == 1
    assert Payout.objects.get().untaxed == 5_000


def test_what_the_bank_says_moves_them(bob: User, dana: User, now: dt.datetime) -> None:
    erin = make_checker()
    earn(bob, 10_000)
    lay_out(bob, 2_000)
    first = payouts.payout_request(user=bob, now=now)
    batch = approved(dana, erin, now)
    assert batch.net == 9_670 + 2_000
    said = [payouts.Result(2, first.reference, paid=False, reason="계좌 없음")]
    payouts.results_book(batch_id=batch.pk, results=said, by=dana, now=now)
    assert (balance_of_user(bob), expenses_of_user(bob)) == (10_000, 2_000)
    payouts.payout_request(user=bob, now=now)
    settled(approved(dana, erin, now), dana, now)
    assert (balance_of_user(bob), expenses_of_user(bob)) == (0, 0)
    assert ledger.balance_of(ledger.TAX) == 330
    assert ledger.balance_of(ledger.GATEWAY) == -330  # what came, without what the bank sent
    assert books_balance().sound


def test_papers_and_the_filing_keep_them_apart(bob: User, dana: User, now: dt.datetime) -> None:
    earn(bob, 10_000)
    lay_out(bob, 7_007)
    payouts.payout_request(user=bob, now=now)
    settled(approved(dana, make_checker(), now), dana, now)
    payout = Payout.objects.get(state=PayoutState.PAID)
    year = year_of(user=bob, year=now.astimezone(dt.timezone(dt.timedelta(hours=9))).year)
    assert (year.gross, year.untaxed, year.net) == (10_000, 7_007, 16_677)
    papers = [payouts.payout_statement(payout), payouts.year_statement(holder="김밥", year=year)]
    for paper in papers:
        pages = pypdfium2.PdfDocument(paper.content)
        text = "".join(page.get_textpage().get_text_bounded() for page in pages)
        assert all(each in text for each in ("대납", "₩10,000", "₩7,007", "₩16,677"))
    day = now.astimezone(dt.timezone(dt.timedelta(hours=9)))
    filing = payouts.filing_export(year=day.year, month=day.month, by=dana, kind="csv")
    assert ",10000," in filing.content.decode("utf-8-sig")
    assert "7007" not in filing.content.decode("utf-8-sig")


def test_the_api_tells_both(bob: User, api: Client) -> None:
    earn(bob, 10_000)
    lay_out(bob, 2_000)
    balance = {"balance": 10_000, "expenses": 2_000, "currency": "KRW"}
    assert api(bob).get("/api/v1/balance").json() == balance
    payout = api(bob).post("/api/v1/payouts", {}).json()
    assert (payout["gross"], payout["untaxed"], payout["net"]) == (10_000, 2_000, 11_670)


@pytest.mark.parametrize(("gross", "untaxed"), [(0, 0), (-1, 5), (5, -1)])
def test_no_row_is_empty_or_negative(bob: User, now: dt.datetime, gross: int, untaxed: int) -> None:
    lay_out(bob, 1_000)
    payout = payouts.payout_request(user=bob, now=now)
    if connection.vendor == "mongodb":  # has no check constraints: the service is all
        return
    with pytest.raises(IntegrityError):
        Payout.objects.filter(pk=payout.pk).update(gross=gross, untaxed=untaxed)
