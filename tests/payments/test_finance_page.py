from __future__ import annotations

import datetime as dt

import pytest
from django.contrib.auth.models import Permission
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from accounts.models import User
from common.ids import first_at, uuid7
from payments import audit, escrow, ledger, payouts
from payments.audit.figures import Flow, Waiting
from payments.models import Account, Difference, Entry, Refund, Transfer
from tests.errands.staff_pages import text_of
from tests.payments.conftest import SUBJECT, Pay
from tests.payments.paid import approved, make_checker, requested, settled, with_account

pytestmark = pytest.mark.django_db(transaction=True)

PAGE = "/admin/finance/"


@pytest.fixture
def busy(paid: Pay, bob: User, dana: User, now: dt.datetime) -> None:
    """Something everywhere: ₩46,000 came in, ₩9,670 went out."""
    with_account(bob, now)
    paid(11_000, subject="thing:2", reference="thing:2")
    paid(20_000)
    escrow.settle(
        reference=SUBJECT, kind="confirm", pay={bob.pk: 17_000}, commission=2_000, refund=1_000,
        now=now,
    )  # fmt: skip
    for gross in (10_000, 4_000):
        payouts.payout_request(user=bob, amount=gross, now=now)
        if gross == 10_000:
            settled(approved(dana, make_checker(), now), dana, now)
    requested(bob, 15_000, now)
    payouts.batch_make(by=dana, now=now)
    Difference.objects.create(
        key="x", kind="tax", subject="tax", day=now.date(), expected=1, found=2
    )


def test_the_figures(busy: None, now: dt.datetime) -> None:
    found = audit.figures(now=now)
    assert (found.escrow, found.users, found.fees, found.tax) == (11_000, 3_000, 2_000, 330)
    assert (found.payouts, found.refunds) == (Waiting(2, 19_000), Waiting(1, 1_000))
    assert (found.differences, found.batches, found.refunds_stuck) == (1, 1, 0)
    assert found.gateway == -ledger.balance_of(ledger.GATEWAY) == 36_330
    assert found.flows == [Flow(days, 46_000, 9_670, 2_000) for days in (1, 7, 30)]


def test_what_was_laid_out_is_owed_too(busy: None, bob: User, now: dt.datetime) -> None:
    before = audit.figures(now=now)
    laid_out = ledger.expenses_account(bob.pk)
    escrow_of = ledger.escrow_account("thing:2")
    ledger.post(
        reference="goods", kind="confirm", subject="thing:2",
        moves=[(escrow_of, -4_000), (laid_out, 4_000)],
    )  # fmt: skip
    found = audit.figures(now=now)
    assert (found.escrow, found.users) == (before.escrow - 4_000, before.users + 4_000)
    assert found.gateway == before.gateway == -ledger.balance_of(ledger.GATEWAY)


def test_a_refund_that_is_not_sent_is_stuck(busy: None, now: dt.datetime) -> None:
    Refund.objects.update(created_at=now - dt.timedelta(minutes=11))
    assert audit.figures(now=now).refunds_stuck == 1


def test_each_period_has_its_own_entries(now: dt.datetime) -> None:
    ledger.post(reference="a", kind="x", subject="x", moves=[("gateway", -1), ("commission", 1)])
    gateway = Account.objects.get(name="gateway")
    for days in (3, 10, 40):
        key = first_at(now - dt.timedelta(days=days)).int | (uuid7().int & ((1 << 62) - 1))
        Entry.objects.create(
            id=first_at(now).__class__(int=key), transfer=Transfer.objects.get(),
            account=gateway, amount=-100 * days,
        )  # fmt: skip
    flows = audit.figures(now=now).flows
    assert [flow.came for flow in flows] == [1, 301, 1_301]
    assert [flow.earned for flow in flows] == [1, 1, 1]


def test_what_was_before_today_is_added_up_once_a_day(
    now: dt.datetime, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    noon = timezone.localtime(now).replace(hour=12)
    ledger.post(reference="a", kind="x", subject="x", moves=[("gateway", -5), ("commission", 5)])
    with django_assert_num_queries(11):
        assert audit.figures(now=noon).fees == 5
    ledger.post(reference="b", kind="x", subject="x", moves=[("gateway", -2), ("commission", 2)])
    with django_assert_num_queries(8):
        found = audit.figures(now=noon)
    assert (found.fees, found.flows[2]) == (7, Flow(30, 7, 0, 7))
    tomorrow = audit.figures(now=noon + dt.timedelta(days=1))
    assert tomorrow.fees == 7
    assert tomorrow.flows == [Flow(1, 0, 0, 0), Flow(7, 7, 0, 7), Flow(30, 7, 0, 7)]


def test_a_day_that_has_just_ended_is_looked_at_again(now: dt.datetime) -> None:
    midnight = timezone.localtime(now).replace(hour=0, minute=5) + dt.timedelta(days=1)
    assert audit.figures(now=midnight).fees == 0
    ledger.post(reference="a", kind="x", subject="x", moves=[("gateway", -5), ("commission", 5)])
    assert audit.figures(now=midnight).fees == 5


def test_nothing_yet(now: dt.datetime) -> None:
    found = audit.figures(now=now)
    assert (found.gateway, found.flows[0]) == (0, Flow(1, 0, 0, 0))


def test_the_page(busy: None, client: Client, dana: User) -> None:
    client.force_login(dana)
    page = text_of(client.get(PAGE))
    for text in ("₩36,330", "₩11,000", "₩3,000", "₩19,000 2건", "₩46,000", "₩9,670", "오늘"):
        assert text in page
    assert PAGE in client.get("/admin/").content.decode()


def test_only_finance_sees_it(client: Client, charlie: User) -> None:
    assert client.get(PAGE).status_code == 302
    User.objects.filter(pk=charlie.pk).update(is_staff=True)
    client.force_login(charlie)
    assert client.get(PAGE).status_code == 403
    charlie.user_permissions.add(Permission.objects.get(codename="finance"))
    assert client.get(PAGE).status_code == 200
    assert client.post(PAGE).status_code == 405
