from __future__ import annotations

from collections.abc import Callable

import pytest
from pytest_django import Settings

from payments.apps import check_gateway, check_toss
from payments.gateways import Declined, GatewayDown, gateway
from payments.gateways.sandbox import SandboxGateway
from tests.payments.gateway import MemoryGateway

SANDBOX = "payments.gateways.sandbox.SandboxGateway"


def confirm(payment_key: str) -> None:
    SandboxGateway().confirm(
        payment_key=payment_key, order_id="o", amount=1, idempotency_key="o", timeout_s=1
    )


def cancel(payment_key: str) -> None:
    SandboxGateway().cancel(
        payment_key=payment_key, amount=1, reason="r", idempotency_key="r", timeout_s=1
    )


def test_the_setting_chooses(settings: Settings) -> None:
    assert isinstance(gateway(), MemoryGateway)
    settings.PAYMENT_GATEWAY = SANDBOX
    assert isinstance(gateway(), SandboxGateway)


def test_the_sandbox_accepts_its_own_keys() -> None:
    confirm("sandbox_1")
    cancel("sandbox_1")


@pytest.mark.parametrize(
    ("payment_key", "code"),
    [
        ("sandbox_decline", "payment_declined"),
        ("sandbox_decline_2", "payment_declined"),
        ("sandbox", "payment_key_unknown"),
        ("tgen_20261123", "payment_key_unknown"),
        ("", "payment_key_unknown"),
    ],
)
def test_the_sandbox_declines_the_rest(payment_key: str, code: str) -> None:
    with pytest.raises(Declined) as refusal:
        confirm(payment_key)
    assert refusal.value.code == code


@pytest.mark.parametrize("call", [confirm, cancel])
def test_the_sandbox_knows_no_real_payment(call: Callable[[str], None]) -> None:
    with pytest.raises(Declined):
        call("tgen_20261123")


def test_refusals_say_how_to_go_on() -> None:
    assert (Declined.status, GatewayDown.status) == (409, 503)


@pytest.mark.parametrize(
    ("debug", "sandbox", "path", "found"),
    [
        (False, False, SANDBOX, ["payments.E001"]),
        (True, False, SANDBOX, []),
        (False, True, SANDBOX, []),
        (False, False, "tests.payments.gateway.MemoryGateway", []),
        (True, True, "payments.gateways.sandbox.NoSuchGateway", ["payments.E002"]),
        (False, False, "nowhere", ["payments.E002"]),
    ],
)
def test_a_gateway_that_cannot_be_is_found_at_start(
    settings: Settings, debug: bool, sandbox: bool, path: str, found: list[str]
) -> None:
    settings.DEBUG, settings.SANDBOX, settings.PAYMENT_GATEWAY = debug, sandbox, path
    assert [message.id for message in check_gateway()] == found


@pytest.mark.parametrize(
    ("debug", "secret", "client", "found"),
    [
        (False, "", "", ["payments.E006", "payments.E006"]),
        (False, "live_sk_1", "", ["payments.E006"]),
        (False, "live_sk_1", "test_ck_1", ["payments.E007"]),
        (True, "test_sk_1", "test_ck_1", []),
        (False, "live_sk_1", "live_ck_1", []),
    ],
)
def test_toss_wants_the_keys_of_real_money(
    settings: Settings, debug: bool, secret: str, client: str, found: list[str]
) -> None:
    settings.DEBUG, settings.SANDBOX = debug, False
    settings.PAYMENT_GATEWAY = "payments.gateways.toss.TossGateway"
    settings.TOSS_SECRET_KEY, settings.TOSS_CLIENT_KEY = secret, client
    assert [message.id for message in check_toss()] == found


def test_the_sandbox_needs_no_keys(settings: Settings) -> None:
    settings.PAYMENT_GATEWAY = SANDBOX
    assert check_toss() == []
