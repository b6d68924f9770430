from __future__ import annotations

from django.apps import AppConfig
from django.core import checks
from django.utils.translation import gettext_lazy as _


class CommonConfig(AppConfig):
    """Domain-free ground that every other app stands on."""

    name = "common"
    verbose_name = _("Technology")

    def ready(self) -> None:
        from common.configuration import (
            check_broker,
            check_configuration,
            check_database,
            check_deployment,
            check_field_keys,
        )

        checks.register(check_configuration)
        checks.register(check_field_keys)
        checks.register(check_database, checks.Tags.database)
        checks.register(check_deployment, deploy=True)
        checks.register(check_broker, deploy=True)
