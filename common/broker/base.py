"""What every task does about trouble: wait out what passes, a few times, then give up."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from celery import Task
from django.db import InterfaceError, OperationalError
from kombu.exceptions import OperationalError as BrokerError
from redis.exceptions import RedisError

from common.errors import Unavailable

# The database, Redis, the broker or another company's service does not answer just now.
PASSING = (
    OperationalError,
    InterfaceError,
    RedisError,
    BrokerError,
    ConnectionError,
    TimeoutError,
    Unavailable,
)

if TYPE_CHECKING:
    AnyTask = Task[..., Any]
else:
    AnyTask = Task


class PatientTask(AnyTask):
    """Tries again after 0–2, 0–4, 0–8, 0–16 and 0–32 s, then becomes a dead letter.

    Any other error is no weather but a fault, and becomes a dead letter at once.
    """

    Request = "common.broker.worker:Request"
    autoretry_for: tuple[type[Exception], ...] = PASSING
    max_retries = 5
    retry_backoff = 2
    retry_backoff_max = 60
    retry_jitter = True


class Sweep(PatientTask):
    """A task that the clock starts again anyway: no retries, and no letter for what passes.

    A fault in it leaves one letter, however often it comes.
    """

    autoretry_for = ()
