from __future__ import annotations

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class PaymentsConfig(AppConfig):
    """Where the money is; knows no errand, only a reference."""

    name = "payments"
    verbose_name = _("Money")
