from __future__ import annotations

from typing import Any

from django.apps import AppConfig
from django.conf import settings
from django.core import checks
from django.utils.translation import gettext_lazy as _


class DispatchConfig(AppConfig):
    """Who does it, and where they are now."""

    name = "dispatch"
    verbose_name = _("Dispatch")

    def ready(self) -> None:
        from dispatch import receivers

        receivers.connect()
        checks.register(check_router)


def check_router(**_kwargs: Any) -> list[checks.CheckMessage]:
    """A foot router that is named can be asked."""
    from dispatch.walking import service_at

    if not settings.WALKING_ROUTER_URL:
        return []
    try:
        service_at(settings.WALKING_ROUTER_URL)
    except ValueError as error:
        hint = "WALKING_ROUTER_URL is like osrm+http://HOST:5000 or valhalla+https://HOST/PATH."
        return [checks.Error(f"No foot router: {error}", hint=hint, id="dispatch.E001")]
    return []
