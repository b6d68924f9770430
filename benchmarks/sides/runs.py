"""Matching runs as a worker does them. Runs where models are known."""

from __future__ import annotations

import time

from common import clock
from common.db import delete_all
from dispatch.models import Offer, RunnerMessage, Solve
from dispatch.selectors import areas_waiting
from dispatch.services import match_area


def decide() -> tuple[int, int, float]:
    """Match every area that waits, once.

    Returns the offers and the messages about them that exist after it, and the seconds it took.
    """
    begun = time.perf_counter()
    now = clock.now()
    for area in areas_waiting(now):
        match_area(area=area, now=now)
    seconds = time.perf_counter() - begun
    told = RunnerMessage.objects.filter(type="offer.made")
    return Offer.objects.count(), told.count(), seconds


def forget() -> None:
    """Take all offers back, as if nobody had been asked yet."""
    for rows in (Offer.objects.all(), RunnerMessage.objects.all(), Solve.objects.all()):
        delete_all(rows)
