"""Many at once: threads let go together, each with a database connection of its own."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

from django.db import connections

from common.errors import DomainError

MANY = 20


def at_once(work: Callable[[int], Any], many: int = MANY) -> list[Any]:
    """Run ``work(0…)`` on ``many`` threads; return what each returned, a refusal as its code."""
    gate = Barrier(many)

    def run(number: int) -> Any:
        try:
            gate.wait(20)
            return work(number)
        except DomainError as refusal:
            return refusal.code
        finally:
            connections.close_all()

    with ThreadPoolExecutor(many) as pool:
        return list(pool.map(run, range(many)))
