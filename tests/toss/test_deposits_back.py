"""Deposits that go back: never without an account, once to the one that is right."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from typing import Any

import pytest
from rest_framework.test import APIClient

from accounts.models import User
from payments import escrow, ledger
from payments.escrow.refunds import LONGEST_PAUSE
from payments.gateways import AccountRefused, Receiver
from payments.gateways.toss import TossGateway
from payments.models import Payment, Refund, RefundAccount, RefundState
from tests.conftest import refused
from tests.payments.paid import with_account
from tests.toss.server import BROKEN, DROP, TossServer

pytestmark = pytest.mark.django_db(transaction=True)

ACCOUNT = {"bank": "004", "account_number": "123456-01-234567", "holder": "김밥"}
CLOSED = ACCOUNT | {"account_number": "123456-01-239999"}
LATER = LONGEST_PAUSE
Api = Callable[..., APIClient]


@pytest.fixture
def refund(toss: TossServer, order: Payment, now: dt.datetime) -> Refund:
    """Alice's deposit of ₩11,000, which is to go back to her."""
    key = toss.company.agree(order.order_id, 11_000, method="가상계좌")
    escrow.order_confirm(
        order_id=order.order_id, payer=order.payer, payment_key=key, amount=11_000, now=now
    )
    toss.company.deposit(key)
    order.refresh_from_db()
    assert escrow.order_read(payment=order, now=now)
    return escrow.refund_order(order_id=order.order_id, reason="over", now=now)


def state_of(refund: Refund) -> str:
    refund.refresh_from_db()
    return refund.state


def give(client: APIClient, refund: Refund, account: dict[str, str] = ACCOUNT) -> Any:
    order_id = refund.payment.order_id
    return client.put(f"/api/v1/payments/{order_id}/refund-account", account)


def missing(client: APIClient, refund: Refund) -> bool:
    answer = client.get(f"/api/v1/payments/{refund.payment.order_id}").json()
    return bool(answer["refund_account_missing"])


def sent_to(toss: TossServer, refund: Refund) -> dict[str, str]:
    account: dict[str, str] = toss.company.payments[refund.payment.payment_key]["virtualAccount"][
        "refundReceiveAccount"
    ]
    return account


def assert_sent_once(toss: TossServer, refund: Refund) -> None:
    assert state_of(refund) == RefundState.DONE
    assert toss.company.holds() == -ledger.balance_of(ledger.GATEWAY) == 0
    assert ledger.balance_of(ledger.REFUNDS) == 0
    assert len(toss.company.payments[refund.payment.payment_key]["cancels"]) == 1


def test_the_company_sends_no_deposit_without_an_account(toss: TossServer, refund: Refund) -> None:
    """Why all of this is needed."""
    with pytest.raises(AccountRefused):
        TossGateway().cancel(
            payment_key=refund.payment.payment_key, amount=11_000, reason="t",
            idempotency_key="t", timeout_s=10,
        )  # fmt: skip
    assert toss.company.holds() == 11_000


def test_without_an_account_it_waits_and_says_so(
    toss: TossServer, refund: Refund, api: Api, alice: User, now: dt.datetime
) -> None:
    asked = len(toss.company.asked)
    assert escrow.refunds_send(now=now) == escrow.refunds_send(now=now + LATER) == 0
    assert state_of(refund) == RefundState.NO_ACCOUNT
    assert missing(api(alice), refund)
    assert len(toss.company.asked) == asked  # the company was not bothered
    assert ledger.balance_of(ledger.REFUNDS) == toss.company.holds() == 11_000


def test_once_it_is_given_the_money_goes_there(
    toss: TossServer, refund: Refund, api: Api, alice: User, now: dt.datetime
) -> None:
    escrow.refunds_send(now=now)
    answer = give(api(alice), refund)
    assert (answer.status_code, answer.json()["refund_account_missing"]) == (200, False)
    assert "123456" not in answer.content.decode()
    assert escrow.refunds_send(now=now + LATER) == 1
    assert_sent_once(toss, refund)
    assert sent_to(toss, refund) == {
        "bank": "06", "accountNumber": "12345601234567", "holderName": "김밥",
    }  # fmt: skip


def test_it_may_be_given_before_it_is_needed(
    toss: TossServer, refund: Refund, api: Api, alice: User, now: dt.datetime
) -> None:
    assert give(api(alice), refund).status_code == 200
    assert escrow.refunds_send(now=now) == 1
    assert_sent_once(toss, refund)


@pytest.mark.parametrize("when", ["before", "after"])
def test_who_is_paid_out_gets_it_there(
    toss: TossServer, refund: Refund, alice: User, now: dt.datetime, when: str
) -> None:
    if when == "after":
        assert escrow.refunds_send(now=now) == 0
    with_account(alice, now)
    assert escrow.refunds_send(now=now + LATER) == 1
    assert_sent_once(toss, refund)
    assert sent_to(toss, refund)["bank"] == "88"


def test_an_account_that_is_refused_is_asked_for_again(
    toss: TossServer, refund: Refund, api: Api, alice: User, now: dt.datetime
) -> None:
    give(api(alice), refund, CLOSED)
    assert escrow.refunds_send(now=now) == escrow.refunds_send(now=now + LATER) == 0
    assert missing(api(alice), refund)
    assert give(api(alice), refund).status_code == 200
    assert escrow.refunds_send(now=now + 2 * LATER) == 1
    assert_sent_once(toss, refund)


@pytest.mark.parametrize("trouble", [("before", DROP), ("after", DROP), ("after", BROKEN)])
def test_while_nobody_knows_the_account_stays(
    toss: TossServer, refund: Refund, api: Api, alice: User, now: dt.datetime,
    trouble: tuple[str, str],
) -> None:  # fmt: skip
    give(api(alice), refund)
    toss.troubles.append(trouble)
    assert escrow.refunds_send(now=now) == 0
    answer = give(api(alice), refund, ACCOUNT | {"bank": "088"})
    assert (answer.status_code, answer.json()["code"]) == (409, "refund_account_kept")
    assert give(api(alice), refund).status_code == 200  # the same again
    toss.company.answers.clear()  # as after 15 days
    assert escrow.refunds_send(now=now + LATER) == 1
    assert_sent_once(toss, refund)
    assert sent_to(toss, refund)["bank"] == "06"


def test_it_is_kept_sealed(refund: Refund, api: Api, alice: User) -> None:
    give(api(alice), refund)
    [token] = RefundAccount.objects.values_list("number", flat=True)
    assert "1234560" not in token.token
    assert token.reveal() == "12345601234567"
    assert "1234" not in repr(Receiver(bank="004", number="1234", holder="김밥"))


@pytest.mark.parametrize(
    ("change", "field"),
    [({"bank": "999"}, "bank"), ({"account_number": "1"}, "account_number"), ({"more": 1}, "more"),
     ({"account_number": "123-4567-0000"}, "account_number")],
)  # fmt: skip
def test_bad_input_is_kept_nowhere(
    refund: Refund, api: Api, alice: User, change: dict[str, Any], field: str
) -> None:
    answer = give(api(alice), refund, ACCOUNT | change)
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (400, field)
    assert not RefundAccount.objects.exists()


def test_nobody_else_says_where_it_goes(
    refund: Refund, api: Api, charlie: User, dana: User
) -> None:
    for client, status in ((api(charlie), 404), (api(dana), 404), (api(), 401)):
        assert give(client, refund).status_code == status
    assert not RefundAccount.objects.exists()


def test_a_card_is_paid_back_by_itself(
    toss: TossServer, order: Payment, api: Api, alice: User, now: dt.datetime
) -> None:
    key = toss.company.agree(order.order_id, 11_000)
    escrow.order_confirm(
        order_id=order.order_id, payer=alice, payment_key=key, amount=11_000, now=now
    )
    refund = escrow.refund_order(order_id=order.order_id, reason="over", now=now)
    answer = give(api(alice), refund)
    assert (answer.status_code, answer.json()["code"]) == (409, "refund_account_unneeded")
    assert escrow.refunds_send(now=now) == 1
    assert_sent_once(toss, refund)


def test_staff_see_who_waits(refund: Refund, client: Any, dana: User, now: dt.datetime) -> None:
    escrow.refunds_send(now=now)
    client.force_login(dana)
    page = client.get("/admin/payments/refund/", {"state__exact": "no_account"})
    assert refund.reference in page.content.decode()
    page = client.get("/admin/payments/refund/", {"state__exact": "requested"})
    assert refund.reference not in page.content.decode()


def test_the_first_account_is_kept(refund: Refund, now: dt.datetime) -> None:
    def keep(bank: str) -> None:
        escrow.refund_account_keep(
            payment=refund.payment, bank=bank, number="12345601234567", holder="김밥", now=now
        )

    keep("004")
    with refused("refund_account_kept"):
        keep("088")
    assert RefundAccount.objects.get().bank == "004"
