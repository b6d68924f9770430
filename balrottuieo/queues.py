"""Which queues there are, what a worker takes from each, and which task goes where."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from kombu import Queue

from common.broker.topology import task_queue

CONFIRM_S = 5.0


@dataclass(frozen=True, kw_only=True)
class Lane:
    """How one worker of a queue works: so many tasks at once, and so many more in its hands."""

    threads: int
    multiplier: int

    @property
    def prefetch(self) -> int:
        """How many unfinished messages the broker gives to one worker."""
        return self.threads * self.multiplier


LANES = {
    # Somebody waits for it: short tasks, the next one is already there.
    "matching": Lane(threads=2, multiplier=4),
    # What moves money, and may wait for a slow gateway: nothing waits behind it.
    "payments": Lane(threads=2, multiplier=1),
    # Many and short. No task yet: e-mails and pushes will come here.
    "notifications": Lane(threads=2, multiplier=8),
    # Long, and never urgent.
    "housekeeping": Lane(threads=1, multiplier=1),
}
FALLBACK = "housekeeping"
# A name counts more than a pattern.
ROUTES = {
    "dispatch.tasks.*": "matching",
    "dispatch.tasks.sweep_old": "housekeeping",
    "errands.tasks.*": "payments",
    "errands.tasks.sweep_answered_requests": "housekeeping",
    "payments.tasks.*": "payments",
    "payments.tasks.sweep_books": "housekeeping",
    "accounts.tasks.*": "housekeeping",
    "common.tasks.*": "housekeeping",
}


def task_queues(broker_url: str) -> list[Queue]:
    """Celery's ``task_queues``."""
    return [task_queue(name, broker_url=broker_url) for name in LANES]


def task_routes() -> dict[str, dict[str, Any]]:
    """Celery's ``task_routes``: no publisher waits longer than `CONFIRM_S` for a blocked broker."""
    return {name: {"queue": queue, "confirm_timeout": CONFIRM_S} for name, queue in ROUTES.items()}
