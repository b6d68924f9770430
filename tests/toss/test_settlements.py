"""What the company settles with us: read from it, or from our own books in the sandbox."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from pytest_django import Settings

from payments import escrow
from payments.gateways import GatewayDown, Settlement, gateway
from payments.gateways.toss import TossGateway
from payments.models import Payment
from tests.toss.company import MAX_PAGE, SEOUL
from tests.toss.server import TossServer

ORDER = "order-000001"
DAY = dt.date(2026, 11, 20)


def settlements(day: dt.date = DAY) -> list[Settlement]:
    return TossGateway().settlements(day=day, timeout_s=10)


def sell(toss: TossServer, order_id: str = ORDER, at: str = "2026-11-20T23:59:59+09:00") -> str:
    key = toss.company.agree(order_id, 11_000)
    toss.company.confirm({"paymentKey": key, "orderId": order_id, "amount": 11_000})
    toss.company.payments[key]["approvedAt"] = at
    return key


def test_a_payment_and_its_cancel_are_two_lines(toss: TossServer) -> None:
    key = sell(toss)
    toss.company.cancel(key, {"cancelReason": "t", "cancelAmount": 4_000})
    toss.company.payments[key]["cancels"][0]["canceledAt"] = "2026-11-20T12:00:00+09:00"
    paid, canceled = settlements()
    out = DAY + dt.timedelta(days=2)
    common = {"order_id": ORDER, "payment_key": key, "sold_on": DAY, "paid_out_on": out}
    assert paid == Settlement(kind="payment", amount=11_000, fee=330, **common)  # type: ignore[arg-type]
    assert canceled == Settlement(kind="cancel", amount=4_000, fee=-120, **common)  # type: ignore[arg-type]
    assert (paid.paid_out, canceled.paid_out) == (10_670, -3_880)


def test_only_the_day_that_was_asked_for(toss: TossServer) -> None:
    sell(toss, at="2026-11-19T23:59:59+09:00")
    sell(toss, at="2026-11-21T00:00:00+09:00")
    assert settlements() == []


def test_every_page_is_read(toss: TossServer) -> None:
    orders = [f"order-{number:06}" for number in range(2 * MAX_PAGE + 1)]
    for order_id in orders:
        sell(toss, order_id)
    assert [line.order_id for line in settlements()] == orders


def test_a_company_that_does_not_say_is_not_an_empty_day(
    toss: TossServer, settings: Settings
) -> None:
    settings.TOSS_SECRET_KEY = "test_sk_wrong"
    with pytest.raises(GatewayDown):
        settlements()


@pytest.mark.parametrize(
    "change", [{"soldDate": "20 November"}, {"payOutAmount": None}, {"orderId": ...}]
)
def test_what_nobody_understands_is_not_left_out(
    toss: TossServer, change: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    sell(toss)
    _status, [good] = toss.company.settlements({"startDate": str(DAY), "endDate": str(DAY)})
    odd = {name: value for name, value in (good | change).items() if value is not ...}
    answer = (200, [good, odd])
    monkeypatch.setattr(toss.company, "settlements", lambda _query: answer)
    with pytest.raises(GatewayDown):
        settlements()


@pytest.mark.django_db(transaction=True)
def test_the_sandbox_settles_what_our_own_books_have(
    order: Payment, settings: Settings, now: dt.datetime
) -> None:
    settings.PAYMENT_GATEWAY = "payments.gateways.sandbox.SandboxGateway"
    key, later = "sandbox_1", now + dt.timedelta(days=1)
    escrow.order_confirm(
        order_id=order.order_id, payer=order.payer, payment_key=key, amount=11_000, now=now
    )
    escrow.refund_order(order_id=order.order_id, reason="over", now=later)
    assert escrow.refunds_send(now=later) == 1
    lines = [
        line
        for moment in (now - dt.timedelta(days=1), now, later)
        for line in gateway().settlements(day=moment.astimezone(SEOUL).date(), timeout_s=10)
    ]
    assert [(line.kind, line.amount, line.paid_out) for line in lines] == [
        ("payment", 11_000, 11_000),
        ("cancel", 11_000, -11_000),
    ]
    assert [line.sold_on for line in lines] == [m.astimezone(SEOUL).date() for m in (now, later)]
