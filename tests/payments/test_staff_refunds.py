"""Money back by the hand of staff: whose money it is, who may, and how much."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Group, Permission
from django.db import IntegrityError, connection
from django.test import Client
from django.urls import reverse
from pytest_django import Settings

from accounts.models import User
from payments import escrow, ledger
from payments.models import Payment, RefundDay, StaffRefund
from payments.selectors import balance_of_user, books_balance
from payments.services import limit_of, staff_refund_ask, staff_refund_decide
from payments.signals import escrow_asked
from tests.conftest import make_user, refused
from tests.errands.staff_pages import DIALOG, text_of
from tests.payments.conftest import SUBJECT, Pay
from tests.payments.gateway import MemoryGateway

pytestmark = pytest.mark.django_db(transaction=True)


def make_helper(name: str, *roles: str) -> User:
    """Someone of the staff who may give money back, and is no superuser."""
    user = make_user(name)
    User.objects.filter(pk=user.pk).update(is_staff=True)
    codes = ["give_refund", "view_payment", "view_staffrefund"]
    user.user_permissions.set(Permission.objects.filter(codename__in=codes))
    user.groups.set([Group.objects.get_or_create(name=role)[0] for role in roles])
    return User.objects.get(pk=user.pk)


@pytest.fixture(autouse=True)
def limits(settings: Settings) -> None:
    settings.STAFF_REFUND_LIMITS = {"support": 3_000, "finance-lead": 20_000}


@pytest.fixture
def helper(db: None) -> User:
    return make_helper("fred", "support")


@pytest.fixture
def later(now: dt.datetime) -> dt.datetime:
    """When everybody has heard of what was paid now."""
    return now + dt.timedelta(minutes=5)


@pytest.fixture
def settled(paid: Pay, bob: User, now: dt.datetime) -> Payment:
    """₩11,000 that were earned: Bob has 10,000 of them."""
    payment = paid()
    pay = {bob.pk: 10_000}
    escrow.settle(reference=SUBJECT, kind="confirm", pay=pay, commission=1_000, refund=0, now=now)
    return payment


def ask(payment: Payment, by: User, amount: int, now: dt.datetime, seen: int = 0) -> StaffRefund:
    return staff_refund_ask(
        order_id=payment.order_id, amount=amount, seen=seen, reason="late", by=by, now=now
    )


# --- Whose money -------------------------------------------------------------------------


def test_what_nobody_needs_is_the_payers_own(
    paid: Pay, helper: User, later: dt.datetime, company: type[MemoryGateway]
) -> None:
    payment = paid()
    given = ask(payment, helper, 2_000, later)
    assert (given.state, given.source) == ("given", ledger.escrow_account(SUBJECT))
    assert (escrow.escrow_held(SUBJECT), ledger.balance_of("refunds")) == (9_000, 2_000)
    assert escrow.refunds_send(now=later) == 1
    assert company.sent == {f"refund:{payment.order_id}:staff:0": 2_000}
    assert ask(payment, helper, 1_000, later, seen=2_000).state == "given"
    assert books_balance().sound


def test_what_was_earned_stays_and_the_platform_pays(
    settled: Payment, helper: User, bob: User, later: dt.datetime
) -> None:
    assert ask(settled, helper, 2_500, later).source == "commission"
    assert (balance_of_user(bob), ledger.balance_of("commission")) == (10_000, -1_500)
    assert ledger.balance_of("refunds") == 2_500
    assert books_balance().sound


def test_what_is_needed_is_not_given_away(
    paid: Pay, helper: User, later: dt.datetime, now: dt.datetime
) -> None:
    payment = paid()
    with refused("money_needed"):
        ask(payment, helper, 1_000, now)  # whom it was paid for may not have heard of it

    def answer(*, subject: str | None, **_rest: object) -> dict[str, int]:
        return {SUBJECT: 10_500}

    escrow_asked.connect(answer, dispatch_uid="needs")
    try:
        with refused("money_needed"):
            ask(payment, helper, 1_000, later)
        assert ask(payment, helper, 500, later).state == "given"
    finally:
        escrow_asked.disconnect(dispatch_uid="needs")
    assert RefundDay.objects.get().spent == 500  # what was refused does not count


# --- Who, and how much -------------------------------------------------------------------


def test_the_limit_is_of_a_day_and_of_a_person(
    settled: Payment, helper: User, later: dt.datetime
) -> None:
    assert ask(settled, helper, 2_000, later).state == "given"
    assert ask(settled, helper, 1_001, later, seen=2_000).state == "waiting"
    other = make_helper("gina", "support")
    with refused("refund_waits"):
        ask(settled, other, 100, later, seen=2_000)
    staff_refund_decide(
        refund_id=StaffRefund.objects.get(state="waiting").pk, grant=False,
        by=make_user("erin", is_staff=True), now=later,
    )  # fmt: skip
    assert ask(settled, other, 1_001, later, seen=2_000).state == "given"
    tomorrow = later + dt.timedelta(days=1)
    assert ask(settled, helper, 3_000, tomorrow, seen=3_001).state == "given"


def test_the_greatest_of_ones_roles_counts(dana: User) -> None:
    assert limit_of(make_helper("h1")) == limit_of(make_helper("h2", "drivers")) == 0
    assert limit_of(make_helper("h3", "support", "finance-lead")) == 20_000
    assert limit_of(dana) == 20_000


def test_above_it_a_second_person_gives(
    settled: Payment, helper: User, dana: User, later: dt.datetime
) -> None:
    asked = ask(settled, helper, 9_000, later)
    assert (asked.state, ledger.balance_of("refunds")) == ("waiting", 0)
    with refused("finance_only"):
        staff_refund_decide(refund_id=asked.pk, grant=True, by=helper, now=later)
    given = staff_refund_decide(refund_id=asked.pk, grant=True, by=dana, now=later)
    assert (given.state, given.source, given.decided_by) == ("given", "commission", dana)
    assert ledger.balance_of("refunds") == 9_000
    with refused("refund_decided"):
        staff_refund_decide(refund_id=asked.pk, grant=True, by=dana, now=later)
    with refused("not_found"):
        staff_refund_decide(refund_id=settled.pk, grant=True, by=dana, now=later)
    assert not RefundDay.objects.exists()


def test_nobody_decides_on_what_one_asked_for(
    settled: Payment, dana: User, later: dt.datetime, settings: Settings
) -> None:
    settings.STAFF_REFUND_LIMITS = {}
    asked = ask(settled, dana, 1_000, later)
    with refused("same_person"):
        staff_refund_decide(refund_id=asked.pk, grant=True, by=dana, now=later)
    if connection.vendor == "mongodb":  # has no check constraints: the update's filter is all
        return
    with pytest.raises(IntegrityError):
        StaffRefund.objects.filter(pk=asked.pk).update(decided_by=dana)


def test_nobody_gives_money_back_to_themselves(
    settled: Payment, helper: User, dana: User, later: dt.datetime, settings: Settings
) -> None:
    settings.STAFF_REFUND_LIMITS = {"support": 3_000}
    Payment.objects.update(payer=helper)
    with refused("own_order"):
        ask(settled, helper, 1_000, later)
    asked = ask(settled, dana, 5_000, later)
    helper.user_permissions.add(Permission.objects.get(codename="finance"))
    with refused("own_order"):
        staff_refund_decide(
            refund_id=asked.pk, grant=True, by=User.objects.get(pk=helper.pk), now=later
        )
    assert StaffRefund.objects.get().state == "waiting"


def test_what_was_refunded_meanwhile_is_not_granted(
    settled: Payment, helper: User, dana: User, later: dt.datetime
) -> None:
    asked = ask(settled, helper, 9_000, later)
    Payment.objects.update(refunded=500)
    with refused("refund_changed"):
        staff_refund_decide(refund_id=asked.pk, grant=True, by=dana, now=later)
    assert StaffRefund.objects.get().state == "waiting"


def test_what_is_refused_moves_nothing(
    settled: Payment, helper: User, alice: User, later: dt.datetime
) -> None:
    no_role_of_staff = make_user("henry")
    wrong: list[tuple[User, dict[str, Any], str]] = [
        (helper, {"amount": 0}, "amount_out_of_range"),
        (helper, {"amount": 11_001}, "amount_out_of_range"),
        (helper, {"reason": "  "}, "reason_missing"),
        (helper, {"seen": 1}, "refund_changed"),
        (helper, {"order_id": "order-x"}, "not_found"),
        (no_role_of_staff, {}, "refund_not_allowed"),
    ]
    right: dict[str, Any] = {
        "order_id": settled.order_id,
        "amount": 1_000,
        "seen": 0,
        "reason": "late",
    }
    for by, change, code in wrong:
        with refused(code):
            staff_refund_ask(**{**right, **change}, by=by, now=later)
    unpaid = escrow.order_create(reference="x", subject="x", payer=alice, amount=2_000, now=later)
    with refused("not_paid"):
        ask(unpaid, helper, 1_000, later)
    assert not StaffRefund.objects.exists()
    assert ledger.balance_of("refunds") == 0


# --- Screens -----------------------------------------------------------------------------


def test_from_the_page_of_an_order(settled: Payment, helper: User, client: Client) -> None:
    client.force_login(helper)
    page = reverse("admin:payments_payment_change", args=[settled.pk])
    give = page.replace("change/", "give/")
    assert give in client.get(page).content.decode()
    form = client.get(give).content.decode()
    assert "₩3,000" in form
    assert 'name="seen" value="0"' in form
    wanted = {**DIALOG, "amount": "2000", "seen": "0", "reason": "sorry"}
    client.post(give, {**wanted, "reason": ""})
    assert not StaffRefund.objects.exists()
    client.post(give, wanted)
    client.post(give, wanted)  # sent twice
    assert StaffRefund.objects.get().amount == ledger.balance_of("refunds") == 2_000
    log = LogEntry.objects.get()
    assert (log.user_id, log.object_id) == (helper.pk, str(settled.pk))
    assert "sorry" in log.change_message


def test_a_second_person_decides_on_a_page(
    settled: Payment, helper: User, dana: User, client: Client, later: dt.datetime
) -> None:
    asked = ask(settled, helper, 9_000, later)
    page = reverse("admin:payments_staffrefund_change", args=[asked.pk])
    client.force_login(helper)
    assert client.get(page).status_code == 200
    assert client.post(page.replace("change/", "grant/"), DIALOG).status_code == 403
    client.force_login(dana)
    assert "₩9,000" in text_of(client.get(page))
    client.post(page.replace("change/", "grant/"), DIALOG)
    asked.refresh_from_db()
    assert (asked.state, asked.decided_by) == ("given", dana)


def test_without_the_permission_there_is_no_button(
    settled: Payment, charlie: User, client: Client
) -> None:
    User.objects.filter(pk=charlie.pk).update(is_staff=True)
    charlie.user_permissions.add(Permission.objects.get(codename="view_payment"))
    client.force_login(charlie)
    page = reverse("admin:payments_payment_change", args=[settled.pk])
    give = page.replace("change/", "give/")
    assert give not in client.get(page).content.decode()
    assert client.post(give, {**DIALOG, "amount": 1, "seen": 0, "reason": "x"}).status_code == 403
