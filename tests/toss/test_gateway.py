"""The gateway against a server that speaks the public API."""

from __future__ import annotations

import pytest
from pytest_django import Settings

from payments.gateways import Cancel, Declined, Found, GatewayDown, Status
from payments.gateways.toss import TossGateway
from payments.gateways.toss.shapes import BANK_CODES, MAX_REASON, signed
from tests.toss.company import BANKS, Refusal
from tests.toss.server import BROKEN, DROP, LATE, TossServer

ORDER = "order-000001"
REFUND = f"refund:{ORDER}:settle"


def confirm(key: str, amount: int = 11_000, timeout_s: float = 10, again: str = "") -> Found:
    return TossGateway().confirm(
        payment_key=key,
        order_id=ORDER,
        amount=amount,
        idempotency_key=f"{ORDER}:{key}{again}",
        timeout_s=timeout_s,
    )


def cancel(key: str, amount: int, reference: str = REFUND) -> None:
    TossGateway().cancel(
        payment_key=key, amount=amount, reason="취소", idempotency_key=reference, timeout_s=10
    )


def find(key: str) -> Found:
    found = TossGateway().find(payment_key=key, timeout_s=10)
    assert found is not None
    return found


def test_money_is_taken_once_however_often_it_is_asked(toss: TossServer) -> None:
    key = toss.company.agree(ORDER, 11_000)
    assert find(key).status == Status.IN_PROGRESS
    first = confirm(key)
    assert (first.status, first.order_id, first.amount) == (Status.DONE, ORDER, 11_000)
    assert confirm(key) == first == find(key)
    # Even past the life of an idempotency key: the refusal "already processed" is looked into.
    assert confirm(key, again="-later") == first
    assert toss.company.holds() == 11_000


@pytest.mark.parametrize("amount", [10_999, 11_001])
def test_another_amount_is_declined(toss: TossServer, amount: int) -> None:
    key = toss.company.agree(ORDER, 11_000)
    with pytest.raises(Declined):
        confirm(key, amount)
    assert toss.company.holds() == 0


def test_a_payment_of_another_order_is_not_ours(toss: TossServer) -> None:
    key = toss.company.agree("order-000002", 11_000)
    toss.company.confirm({"paymentKey": key, "orderId": "order-000002", "amount": 11_000})
    with pytest.raises(GatewayDown):
        confirm(key)


def test_a_card_that_is_refused_says_why(toss: TossServer) -> None:
    key = toss.company.agree(ORDER, 11_000, method="거절")
    with pytest.raises(Declined) as refusal:
        confirm(key)
    assert refusal.value.extra == {"company_code": "REJECT_CARD_PAYMENT"}
    assert find(key).status == Status.ABORTED


def test_an_unknown_payment_is_declined_and_not_found(toss: TossServer) -> None:
    with pytest.raises(Declined):
        confirm("tgen_unknown")
    assert TossGateway().find(payment_key="tgen_unknown", timeout_s=10) is None


@pytest.mark.parametrize("what", [DROP, BROKEN])
@pytest.mark.parametrize(("when", "held"), [("before", 0), ("after", 11_000)])
def test_what_is_not_known_is_not_a_no(toss: TossServer, when: str, what: str, held: int) -> None:
    key = toss.company.agree(ORDER, 11_000)
    toss.troubles.append((when, what))
    with pytest.raises(GatewayDown):
        confirm(key)
    assert toss.company.holds() == held
    assert confirm(key).status == Status.DONE
    assert toss.company.holds() == 11_000


def test_an_order_is_found_without_its_key(toss: TossServer) -> None:
    gateway = TossGateway()
    assert gateway.find_order(order_id=ORDER, timeout_s=10) is None
    key = toss.company.agree(ORDER, 11_000)
    confirm(key)
    assert gateway.find_order(order_id=ORDER, timeout_s=10) == find(key)


@pytest.mark.parametrize(
    "order_id", ["", "short", "x" * 65, "주문-000001", "order/000001", "order-1\n"]
)
def test_an_order_id_that_the_company_refuses_is_never_sent(
    toss: TossServer, order_id: str
) -> None:
    with pytest.raises(ValueError, match="No order id"):
        TossGateway().find_order(order_id=order_id, timeout_s=10)
    with pytest.raises(Refusal, match="INVALID_ORDER_ID"):
        toss.company.find_order(order_id)


def test_a_key_names_no_other_address(toss: TossServer) -> None:
    confirm(toss.company.agree(ORDER, 11_000))
    assert TossGateway().find(payment_key=f"orders/{ORDER}", timeout_s=10) is None


@pytest.mark.parametrize("key", ["", ".", ".."])
def test_a_key_that_is_none_is_declined_and_asks_nobody(toss: TossServer, key: str) -> None:
    with pytest.raises(Declined):
        confirm(key)
    assert TossGateway().find(payment_key=key, timeout_s=10) is None
    assert toss.company.asked == []


def test_an_answer_that_comes_too_late_is_not_known(toss: TossServer) -> None:
    key = toss.company.agree(ORDER, 11_000)
    toss.troubles.append(("after", LATE))
    with pytest.raises(GatewayDown):
        confirm(key, timeout_s=4.3)
    assert find(key).status == Status.DONE


def test_a_company_that_is_not_there_is_not_known(toss: TossServer, settings: Settings) -> None:
    settings.TOSS_URL = "http://127.0.0.1:9"
    with pytest.raises(GatewayDown):
        confirm("tgen_1")
    with pytest.raises(GatewayDown):
        TossGateway().find(payment_key="tgen_1", timeout_s=10)


def test_a_proxy_that_finds_nothing_knows_nothing(toss: TossServer, settings: Settings) -> None:
    settings.TOSS_URL = f"{toss.url}/proxy"
    with pytest.raises(GatewayDown):
        TossGateway().find(payment_key="tgen_1", timeout_s=10)


def test_a_wrong_key_of_ours_is_not_the_payers_fault(toss: TossServer, settings: Settings) -> None:
    settings.TOSS_SECRET_KEY = "test_sk_wrong"
    with pytest.raises(GatewayDown):
        confirm(toss.company.agree(ORDER, 11_000))


def test_parts_go_back_once_each_and_reading_tells_which(toss: TossServer) -> None:
    key = toss.company.agree(ORDER, 11_000)
    confirm(key)
    cancel(key, 4_000)
    cancel(key, 4_000)
    assert find(key).status == Status.PARTIAL_CANCELED
    cancel(key, 7_000, reference="refund:rest")
    assert find(key).status == Status.CANCELED
    assert find(key).cancels == (
        Cancel(key=REFUND, amount=4_000),
        Cancel(key="refund:rest", amount=7_000),
    )
    assert toss.company.holds() == 0


def test_more_than_is_left_never_goes_back(toss: TossServer) -> None:
    key = toss.company.agree(ORDER, 11_000)
    confirm(key)
    with pytest.raises(Declined):
        cancel(key, 11_001, reference="refund:too-much")
    cancel(key, 11_000)
    with pytest.raises(Declined):
        cancel(key, 1, reference="refund:another")
    assert toss.company.holds() == 0


def test_a_virtual_account_waits_for_its_deposit(toss: TossServer) -> None:
    key = toss.company.agree(ORDER, 11_000, method="가상계좌")
    found = confirm(key)
    assert (found.status, found.deposit_to) == (
        Status.WAITING_FOR_DEPOSIT,
        "우리은행 X6505636518308",
    )
    assert found.deposit_until is not None
    assert found.deposit_until.tzinfo is not None
    toss.company.deposit(key)
    assert find(key).status == Status.DONE


def test_the_company_knows_every_bank_of_ours() -> None:
    assert set(BANK_CODES.values()) == BANKS


def test_the_reference_survives_a_long_reason() -> None:
    text = signed("이유" * 200, REFUND)
    assert len(text) == MAX_REASON
    assert text.endswith(f" [{REFUND}]")
