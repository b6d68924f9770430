"""The project's Celery with tasks that get into trouble; a worker of the tests runs it."""

from __future__ import annotations

import os
import signal
import time

from celery import shared_task
from django.db import OperationalError

from balrottuieo.celery import app
from common.broker.base import PatientTask, Sweep
from common.redis import client

__all__ = ["app"]


class HastyTask(PatientTask):
    """So that a test need not wait for a minute."""

    max_retries = 2
    retry_backoff = 1
    retry_backoff_max = 2


def said() -> list[str]:
    """What tasks noted, in order."""
    return [str(word) for word in client().lrange("said", 0, -1)]


@shared_task
def say(*, word: str) -> None:
    client().rpush("said", word)


@shared_task
def say_unless_broken(*, word: str) -> None:
    if client().exists("broken"):
        raise ZeroDivisionError(word)
    client().rpush("said", word)


@shared_task
def say_and_wait(*, word: str) -> None:
    """Until somebody sets the key ``go``; 60 s at most."""
    client().rpush("said", word)
    for _ in range(600):
        if client().exists("go"):
            return
        time.sleep(0.1)


@shared_task
def kill_the_worker(*, word: str) -> None:
    client().rpush("said", word)
    os.kill(os.getpid(), signal.SIGKILL)


@shared_task(base=HastyTask)
def meet_a_dead_database(*, word: str) -> None:
    client().rpush("said", word)
    raise OperationalError("nobody there")


@shared_task(base=Sweep)
def sweep_a_dead_database() -> None:
    client().rpush("said", "swept")
    raise OperationalError("nobody there")


@shared_task(base=Sweep)
def sweep_with_a_fault() -> None:
    raise ZeroDivisionError
