from __future__ import annotations

from typing import Any

from django.apps import AppConfig
from django.conf import settings
from django.core import checks
from django.utils.module_loading import import_string
from django.utils.translation import gettext_lazy as _


class PaymentsConfig(AppConfig):
    """Where the money is; knows no errand, only a reference."""

    name = "payments"
    verbose_name = _("Money")

    def ready(self) -> None:
        from payments import receivers

        receivers.connect()
        for check in (check_gateway, check_toss, check_payouts):
            checks.register(check)


def check_payouts(**_kwargs: Any) -> list[checks.CheckMessage]:
    """Holders are really asked for, and the tax mode is one that we know."""
    from payments.gateways.holders import SandboxHolders
    from payments.tax import TaxMode

    found: list[checks.CheckMessage] = []
    if settings.TAX_MODE not in set(TaxMode):
        hint = f"TAX_MODE is one of {', '.join(TaxMode)}."
        found.append(checks.Error("Unknown tax mode.", hint=hint, id="payments.E004"))
    try:
        sandbox = issubclass(import_string(settings.HOLDER_CHECK), SandboxHolders)
    except ImportError as error:
        hint = "HOLDER_CHECK is a dotted path to a class."
        text = f"Nobody knows the holders: {error}"
        return [*found, checks.Error(text, hint=hint, id="payments.E005")]
    if sandbox and not (settings.SANDBOX or settings.DEBUG):
        text = "Holders of bank accounts are not checked: money may go to anybody."
        hint = "Set HOLDER_CHECK to a class that asks a bank, or SANDBOX=true."
        found.append(checks.Error(text, hint=hint, id="payments.E003"))
    return found


def check_gateway(**_kwargs: Any) -> list[checks.CheckMessage]:
    """The gateway is there, and real people's money is never pretended."""
    from payments.gateways.sandbox import SandboxGateway

    try:
        chosen = import_string(settings.PAYMENT_GATEWAY)
    except ImportError as error:
        hint = "PAYMENT_GATEWAY is a dotted path to a class."
        return [checks.Error(f"No payment gateway: {error}", hint=hint, id="payments.E002")]
    if settings.SANDBOX or settings.DEBUG or not issubclass(chosen, SandboxGateway):
        return []
    return [
        checks.Error(
            "The payment gateway is the sandbox: nobody would really pay.",
            hint="Set PAYMENT_GATEWAY to a real gateway, or SANDBOX=true where money is pretended.",
            id="payments.E001",
        )
    ]


def check_toss(**_kwargs: Any) -> list[checks.CheckMessage]:
    """Toss Payments has both keys of the shop, and those of real money where money is real."""
    if settings.PAYMENT_GATEWAY != "payments.gateways.toss.TossGateway":
        return []
    keys = {name: getattr(settings, name) for name in ("TOSS_SECRET_KEY", "TOSS_CLIENT_KEY")}
    found: list[checks.CheckMessage] = [
        checks.Error(f"{name} is empty.", hint="The shop's own page shows it.", id="payments.E006")
        for name, value in keys.items()
        if not value
    ]
    tried = [name for name, value in keys.items() if value.startswith("test_")]
    if tried and not (settings.SANDBOX or settings.DEBUG):
        text = f"Keys for trying, nobody would really pay: {', '.join(tried)}."
        found.append(checks.Error(text, hint="Set the live_ keys.", id="payments.E007"))
    return found
