"""Matching runs as a worker does them. Runs where models are known."""

from __future__ import annotations

import time

from celery import current_app

from common import clock
from common.db import delete_all
from dispatch.models import Offer, RunnerMessage, Solve
from dispatch.selectors import areas_waiting
from dispatch.services import match_area
from dispatch.services.areas import areas_serving

MOST_PASSES = 3


def decide() -> tuple[int, int, float]:
    """Match all areas that wait, until none does: what is left over at a border comes next.

    Returns the offers and the messages about them that exist after it, and the seconds it took.
    """
    begun = time.perf_counter()
    for _pass in range(MOST_PASSES):
        for area in areas_serving(areas_waiting(clock.now())):
            match_area(area=area, now=clock.now())
    seconds = time.perf_counter() - begun
    told = RunnerMessage.objects.filter(type="offer.made")
    return Offer.objects.count(), told.count(), seconds


def worker_answers() -> bool:
    """Tell whether a worker is there to take tasks."""
    return bool(current_app.control.ping(timeout=1))


def forget() -> None:
    """Take all offers back, as if nobody had been asked yet."""
    for rows in (Offer.objects.all(), RunnerMessage.objects.all(), Solve.objects.all()):
        delete_all(rows)
