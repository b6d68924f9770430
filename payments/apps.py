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
        checks.register(check_gateway)
        checks.register(check_toss)


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
        checks.Error(f"{name} is empty.", hint="The shop's own page shows it.", id="payments.E003")
        for name, value in keys.items()
        if not value
    ]
    tried = [name for name, value in keys.items() if value.startswith("test_")]
    if tried and not (settings.SANDBOX or settings.DEBUG):
        text = f"Keys for trying, nobody would really pay: {', '.join(tried)}."
        found.append(checks.Error(text, hint="Set the live_ keys.", id="payments.E004"))
    return found
