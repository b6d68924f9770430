"""What runs by itself: each sweep calls one service."""

from __future__ import annotations

from typing import Any

from celery import shared_task
from django.core.management import call_command

from common.broker.base import Sweep


@shared_task(base=Sweep)
def sweep_sessions(**_unknown: Any) -> None:
    """Delete sessions that have expired, and with them their refresh tokens."""
    call_command("clearsessions")
