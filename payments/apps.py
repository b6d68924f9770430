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

        checks.register(check_payouts)
        receivers.connect()
        checks.register(check_gateway)


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
