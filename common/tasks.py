"""What runs by itself: the sweep of dead letters."""

from __future__ import annotations

from typing import Any

from celery import shared_task

from common import clock
from common.broker import letters
from common.broker.base import Sweep


@shared_task(base=Sweep)
def sweep_dead_letters(**_unknown: Any) -> None:
    letters.collect()
    letters.forget_old(now=clock.now())
