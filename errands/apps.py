from __future__ import annotations

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class ErrandsConfig(AppConfig):
    """What is asked, in which state, at what price."""

    name = "errands"
    verbose_name = _("Errands")

    def ready(self) -> None:
        from errands import receivers

        receivers.connect()
