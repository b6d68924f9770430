"""Messages that only make things faster: a sweep finds the same work in the database."""

from __future__ import annotations

import logging
import math
import time
from typing import Any
from weakref import WeakKeyDictionary

from celery import Celery, Task
from kombu import Connection

from common.broker.pool import borrowed, broker_errors

HINT_LIFE_S = 30.0
PATIENCE_S = 0.4
REST_S = 3.0
# Of connections of their own, under the names of both transports.
IMPATIENT = dict.fromkeys(
    ("connect_timeout", "socket_connect_timeout", "socket_timeout"), PATIENCE_S
)

logger = logging.getLogger(__name__)
_resting_until: WeakKeyDictionary[Celery, float] = WeakKeyDictionary()


def hint(task: Task[..., None], *, countdown: float = 0, **arguments: str) -> None:
    """Put a task on the queue, ``countdown`` seconds from now; never fails, and soon returns.

    A hint that nobody took within `HINT_LIFE_S` is worth nothing: it expires. When the broker
    does not answer, the next `REST_S` are without hints, so that one request waits and not all.
    """
    if time.monotonic() < _resting_until.get(task.app, 0.0):
        return
    options = {
        "kwargs": arguments,
        "countdown": math.ceil(countdown),  # RabbitMQ delays by whole seconds
        "expires": countdown + HINT_LIFE_S,
        "retry": False,
        "confirm_timeout": PATIENCE_S,
    }
    way = task.app.connection_for_write(transport_options=IMPATIENT)
    try:
        with borrowed(way, patience_s=PATIENCE_S) as connection:
            _publish(task, connection, options)
    except broker_errors(way) as error:
        _resting_until[task.app] = time.monotonic() + REST_S
        logger.warning("no hint for %s: %r", task.name, error)


def _publish(task: Task[..., None], connection: Connection, options: dict[str, Any]) -> None:
    options = {**options, "connection": connection}
    try:
        task.apply_async(**options)
    except broker_errors(connection) as error:
        if isinstance(error.__cause__ or error, TimeoutError):
            raise
        # The broker was perhaps restarted since this connection was made.
        connection.collect()
        task.apply_async(**options)
