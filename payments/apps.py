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
