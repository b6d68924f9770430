"""``manage.py reseal``: encrypt every sealed field again with the first of ``FIELD_KEYS``."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand

from common.sealed import reseal


class Command(BaseCommand):
    help = "Encrypt every sealed field again with the first of FIELD_KEYS; then drop the old keys."

    def handle(self, *args: Any, **options: Any) -> None:
        self.stdout.write(f"{reseal()} values are sealed with the first key.")
