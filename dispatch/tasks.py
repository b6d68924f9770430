"""What the worker does: each task calls one service, and may run twice."""

from __future__ import annotations

from typing import Any

from celery import shared_task

from common import clock
from common.broker.base import Sweep
from dispatch import selectors, services

SWEPT_AGAIN_S = 10.0


@shared_task
def match_area(*, area: str, **_unknown: Any) -> None:
    services.match_area(area=area, now=clock.now())


@shared_task(base=Sweep)
def sweep_matching(**_unknown: Any) -> None:
    for area in services.areas_to_queue(selectors.areas_waiting(clock.now())):
        match_area.apply_async(kwargs={"area": area}, expires=SWEPT_AGAIN_S)


@shared_task(base=Sweep)
def sweep_offers(**_unknown: Any) -> None:
    services.offers_expire(now=clock.now())


@shared_task(base=Sweep)
def sweep_old(**_unknown: Any) -> None:
    services.forget_old(now=clock.now())
