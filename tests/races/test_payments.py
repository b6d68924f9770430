"""Twenty at once on one order, one escrow, one account; each guard with its control."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Callable, Iterator
from threading import Barrier

import pytest
from pytest_django import Settings
from rest_framework.test import APIClient

from accounts.models import User
from payments import escrow, ledger
from payments.models import Account, Payment, PaymentState, Refund, Transfer
from payments.selectors import books_balance
from tests.payments.gateway import MemoryGateway
from tests.races.crowd import MANY, at_once

pytestmark = [pytest.mark.races, pytest.mark.django_db(transaction=True)]

SUBJECT = "thing:1"
KEY = "sandbox_1"


@pytest.fixture(autouse=True)
def company(settings: Settings) -> Iterator[type[MemoryGateway]]:
    settings.PAYMENT_GATEWAY = "tests.payments.gateway.MemoryGateway"
    MemoryGateway.forget()
    yield MemoryGateway
    MemoryGateway.forget()


@pytest.fixture
def order(alice: User, now: dt.datetime) -> Payment:
    return make_order(alice, now)


@pytest.fixture
def held(order: Payment, alice: User, now: dt.datetime) -> Payment:
    return confirm(order, alice, now)


def make_order(payer: User, now: dt.datetime, subject: str = SUBJECT) -> Payment:
    return escrow.order_create(
        reference=subject, subject=subject, payer=payer, amount=1_000, now=now
    )


def confirm(order: Payment, payer: User, now: dt.datetime, key: str = KEY) -> Payment:
    return escrow.order_confirm(
        order_id=order.order_id, payer=payer, payment_key=key, amount=1_000, now=now
    )


def settle(runner: User, now: dt.datetime, subject: str = SUBJECT, pay: int = 900) -> Transfer:
    return escrow.settle(
        reference=subject,
        kind="done",
        pay={runner.pk: pay},
        commission=100,
        refund=900 - pay,
        now=now,
    )


def tally(work: Callable[[int], object], many: int = MANY) -> Counter[str]:
    """Count the outcomes of doing it at once: refusals by their code, the rest as done."""
    return Counter(found if isinstance(found, str) else "done" for found in at_once(work, many))


# --- Confirm -----------------------------------------------------------------------------


def test_twenty_confirmations_hold_once(
    order: Payment, alice: User, now: dt.datetime, company: type[MemoryGateway]
) -> None:
    assert tally(lambda _n: confirm(order, alice, now)) == {"done": MANY}
    assert escrow.escrow_held(SUBJECT) == company.holds() == 1_000
    assert Transfer.objects.count() == 1


@pytest.mark.control
def test_control_confirming_without_the_guard_holds_more_than_once(
    order: Payment, now: dt.datetime
) -> None:
    """Read, decide, write: everyone reads "ready" before anyone writes."""
    read = Barrier(MANY)

    def confirm_unguarded(number: int) -> None:
        payment = Payment.objects.get(pk=order.pk)
        read.wait(20)
        if payment.state == PaymentState.READY:
            payment.state = PaymentState.DONE
            payment.save()
            ledger.post(
                reference=f"hold:{number}",
                kind="hold",
                subject=SUBJECT,
                moves=[("gateway", -1_000), (ledger.escrow_account(SUBJECT), 1_000)],
            )

    tally(confirm_unguarded)
    assert escrow.escrow_held(SUBJECT) > 1_000


def test_of_twenty_cards_one_pays(
    order: Payment, alice: User, now: dt.datetime, company: type[MemoryGateway]
) -> None:
    outcome = tally(lambda n: confirm(order, alice, now, key=f"card-{n}"))
    assert outcome["done"] == 1
    assert set(outcome) <= {"done", "payment_in_progress", "already_paid"}
    assert len(company.asked) == 1
    assert escrow.escrow_held(SUBJECT) == 1_000


def test_twenty_requests_with_one_key_hold_once(order: Payment, alice: User) -> None:
    statuses: list[int] = []

    def post(_number: int) -> None:
        client = APIClient()
        client.force_authenticate(alice)
        answer = client.post(
            f"/api/v1/payments/{order.order_id}/confirm",
            {"payment_key": KEY, "amount": 1_000},
            headers={"Idempotency-Key": "the-same"},
        )
        statuses.append(answer.status_code)

    tally(post)
    assert set(statuses) <= {200, 409}
    assert 200 in statuses
    assert escrow.escrow_held(SUBJECT) == 1_000


def test_confirming_expiring_and_sweeping_agree(
    order: Payment, alice: User, now: dt.datetime, company: type[MemoryGateway]
) -> None:
    late = order.expires_at
    works: list[Callable[[], object]] = [
        lambda: confirm(order, alice, now),
        lambda: escrow.orders_expire(now=late),
        lambda: escrow.orders_reconcile(now=late),
    ]
    tally(lambda n: works[n % 3]())
    order.refresh_from_db()
    paid = 1_000 if order.state == PaymentState.DONE else 0
    assert order.state in {PaymentState.DONE, PaymentState.EXPIRED}
    assert escrow.escrow_held(SUBJECT) == company.holds() == paid


def test_raises_at_once_are_all_held(alice: User, now: dt.datetime) -> None:
    orders = [make_order(alice, now) for _n in range(MANY)]
    assert tally(lambda n: confirm(orders[n], alice, now)) == {"done": MANY}
    assert escrow.escrow_held(SUBJECT) == MANY * 1_000
    assert books_balance().sound


# --- Out of escrow -----------------------------------------------------------------------


@pytest.mark.usefixtures("held")
def test_twenty_settlements_settle_once(bob: User, now: dt.datetime) -> None:
    assert tally(lambda _n: settle(bob, now)) == {"done": 1, "already_settled": MANY - 1}
    assert ledger.balance_of(ledger.user_account(bob.pk)) == 900
    assert books_balance() == (0, [], {})


@pytest.mark.usefixtures("held")
@pytest.mark.control
def test_control_settling_without_the_guard_pays_more_than_once(bob: User) -> None:
    """Read the balance, decide, then move by references of one's own, without the floor."""
    name = ledger.escrow_account(SUBJECT)
    Account.objects.filter(name=name).update(kind="commission")  # takes the floor away
    read = Barrier(MANY)

    def settle_unguarded(number: int) -> None:
        held = Account.objects.get(name=name).balance
        read.wait(20)
        if held:
            ledger.post(
                reference=f"settle:{number}",
                kind="done",
                subject=SUBJECT,
                moves=[(name, -held), (ledger.user_account(bob.pk), held)],
            )

    tally(settle_unguarded)
    assert ledger.balance_of(ledger.user_account(bob.pk)) > 1_000


def test_a_newcomer_paid_twenty_times_at_once_has_one_account(
    alice: User, charlie: User, now: dt.datetime
) -> None:
    """Everyone makes the missing account; the losers start again and find it."""
    for number in range(MANY):
        confirm(make_order(alice, now, f"thing:{number}"), alice, now)
    assert tally(lambda n: settle(charlie, now, f"thing:{n}")) == {"done": MANY}
    assert Account.objects.filter(owner=charlie).count() == 1
    assert ledger.balance_of(ledger.user_account(charlie.pk)) == MANY * 900
    assert books_balance() == (0, [], {})


@pytest.mark.usefixtures("held")
def test_the_floor_lets_exactly_ten_of_twenty_through() -> None:
    name = ledger.escrow_account(SUBJECT)

    def take(number: int) -> None:
        ledger.post(
            reference=f"take:{number}",
            kind="take",
            subject=SUBJECT,
            moves=[(name, -100), (ledger.REFUNDS, 100)],
        )

    assert tally(take) == {"done": 10, "insufficient_funds": 10}
    assert ledger.balance_of(name) == 0
    assert ledger.balance_of("refunds") == 1_000


def test_opposite_transfers_do_not_wait_for_each_other(alice: User, now: dt.datetime) -> None:
    """Half go from one account to the other, half back: touched in key order, none deadlocks."""
    one, two = (ledger.escrow_account(f"thing:{number}") for number in (1, 2))
    for subject in ("thing:1", "thing:2"):
        confirm(make_order(alice, now, subject), alice, now)

    def swap(number: int) -> None:
        source, target = (one, two) if number % 2 else (two, one)
        ledger.post(
            reference=f"swap:{number}",
            kind="swap",
            subject="x",
            moves=[(source, -10), (target, 10)],
        )

    assert tally(swap) == {"done": MANY}
    assert ledger.balance_of(one) == ledger.balance_of(two) == 1_000


# --- Refunds -----------------------------------------------------------------------------


def test_twenty_senders_book_a_refund_once(
    held: Payment, now: dt.datetime, company: type[MemoryGateway]
) -> None:
    refund = escrow.refund_order(order_id=held.order_id, reason="over", now=now)
    sent: list[bool] = []
    tally(lambda _n: sent.append(escrow.refund_send(refund_id=refund.pk, now=now)))
    assert sent.count(True) == 1
    assert company.holds() == ledger.balance_of("gateway") == ledger.balance_of("refunds") == 0
    assert Transfer.objects.filter(kind="refund_sent").count() == 1


def test_an_order_is_sent_back_or_settled_never_both(
    held: Payment, bob: User, now: dt.datetime
) -> None:
    works: list[Callable[[], object]] = [
        lambda: escrow.refund_order(order_id=held.order_id, reason="over", now=now),
        lambda: settle(bob, now),
    ]
    tally(lambda n: works[n % 2]())
    refunded = sum(Refund.objects.values_list("amount", flat=True))
    earned = ledger.balance_of(ledger.user_account(bob.pk))
    assert (refunded, earned) in {(1_000, 0), (0, 900)}
    assert books_balance() == (0, [], {})
