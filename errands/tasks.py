"""What runs by itself: each sweep calls one service."""

from __future__ import annotations

from typing import Any

from celery import shared_task

from common import clock
from common.broker.base import Sweep
from common.idempotency import forget_expired
from errands.services import apply_paid, confirm_overdue, lapse_due


@shared_task(base=Sweep)
def sweep_funded(**_unknown: Any) -> None:
    apply_paid(now=clock.now())


@shared_task(base=Sweep)
def sweep_expired(**_unknown: Any) -> None:
    lapse_due(now=clock.now())


@shared_task(base=Sweep)
def sweep_unconfirmed(**_unknown: Any) -> None:
    confirm_overdue(now=clock.now())


@shared_task(base=Sweep)
def sweep_answered_requests(**_unknown: Any) -> None:
    forget_expired(now=clock.now())
