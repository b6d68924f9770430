from __future__ import annotations

from importlib import import_module

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class AccountsConfig(AppConfig):
    """Who people are, what they may do, how to reach them."""

    name = "accounts"
    verbose_name = _("People")

    def ready(self) -> None:
        import_module("accounts.openapi")  # importing it is what registers it
