"""Dead letters: out of the queue, into the table, and back when somebody wants them again.

The table keeps them for 30 days after their last death, or until somebody dismisses them.

A letter is never in neither place: the broker forgets it after its row is committed, and its row
is marked after the broker has confirmed the replay. Killed in between, a task may run twice.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any

from celery import current_app
from django.db import DataError
from django.db.models import F
from kombu import Connection, Message, Producer, Queue

from common.broker.envelope import bare_row_of, body_of, death_headers, kept_headers, row_of
from common.broker.pool import broker_errors, opened
from common.broker.topology import dead_queue
from common.db import delete_all, unit_of_work
from common.errors import Unavailable
from common.models import Cause, DeadLetter

BATCH = 200
KEPT = timedelta(days=30)
CONFIRM_S = 5.0
# RabbitMQ's connections would wait for ever for a broker that is frozen; those of Redis do not.
PATIENT = dict.fromkeys(("connect_timeout", "read_timeout", "write_timeout"), CONFIRM_S)
# What a letter raises that fits into no row, however often it is tried.
UNFIT = (DataError, KeyError, OverflowError, TypeError, ValueError)

logger = logging.getLogger(__name__)


def declare(connection: Connection) -> None:
    """Make sure that there is a place for the dead."""
    _dead_queue().bind(connection.default_channel).declare()


def bury(message: Message, *, cause: Cause, error: str, identity: str = "") -> bool:
    """Copy a message to the dead letters; False if the broker did not take it.

    Letters of one ``identity``, by default the task's id, share a row.
    """
    death = death_headers(message, cause, error, identity)
    try:
        with _broker_or_unavailable() as connection:
            _publish(
                connection,
                _dead_queue(),
                body_of(message),
                content_type=message.content_type,
                content_encoding=message.content_encoding,
                headers={**kept_headers(message.headers), **death},
            )
    except Unavailable:
        logger.exception("no dead letter for %s", message.headers.get("task"))
        return False
    return True


def collect() -> int:
    """Move what is in the queue of dead letters into the table; return how many, `BATCH` at most.

    Raises:
        Unavailable: the broker does not answer. The letter it met is still in the queue, as it is
            after an error of the database.
    """
    with _broker_or_unavailable() as connection:
        declare(connection)
        for count in range(BATCH):
            message = _next_letter(connection)
            if message is None:
                return count
            _record(message)
            message.ack()
    return BATCH


def replay(letters: Iterable[DeadLetter], *, now: datetime) -> int:
    """Put letters back where they came from, as new messages; return how many.

    Raises:
        Unavailable: the broker did not confirm one. It and those behind it stay as they are.
    """
    count = 0
    with _broker_or_unavailable() as connection:
        for letter in letters:
            _publish(
                connection,
                _home_of(letter),
                bytes(letter.body),
                content_type=letter.content_type,
                content_encoding=letter.content_encoding,
                headers={**letter.headers, "retries": 0, "eta": None, "expires": None},
            )
            # Not if it has died again meanwhile: that is a new death.
            DeadLetter.objects.filter(pk=letter.pk, deaths=letter.deaths).update(replayed_at=now)
            count += 1
    return count


def forget_old(*, now: datetime) -> int:
    """Delete letters whose last death is `KEPT` ago, replayed or not; return how many."""
    return delete_all(DeadLetter.objects.filter(died_at__lt=now - KEPT))


def _next_letter(connection: Connection) -> Message | None:
    # Not `queue.get`: a letter that cannot even be decompressed would stop it for ever.
    channel: Any = connection.default_channel
    found = channel.basic_get(_dead_queue().name, no_ack=False)
    message: Message | None = found and channel.message_to_python(found)
    return message


def _record(message: Message) -> None:
    try:
        with unit_of_work():
            _write(*row_of(message))
    except UNFIT as error:
        logger.exception("a dead letter fits into no row")
        _write(*bare_row_of(message, error))


def _write(identity: str, fields: Mapping[str, Any]) -> None:
    again = DeadLetter.objects.filter(identity=identity)
    if not again.update(deaths=F("deaths") + 1, **fields):
        DeadLetter.objects.create(identity=identity, **fields)


def _publish(
    connection: Connection,
    queue: Queue,
    body: bytes,
    *,
    content_type: str | None,
    content_encoding: str | None,
    headers: Mapping[str, Any],
) -> None:
    Producer(connection).publish(
        body,
        content_type=content_type or "application/octet-stream",
        content_encoding=content_encoding or "binary",
        headers=dict(headers),
        correlation_id=headers.get("id"),
        routing_key=queue.name,  # the nameless exchange goes straight to the queue
        declare=[queue],
        retry=True,
        retry_policy={"max_retries": 1},
        confirm_timeout=CONFIRM_S,
    )


@contextmanager
def _broker_or_unavailable() -> Iterator[Connection]:
    way = current_app.connection_for_write(transport_options=PATIENT)
    try:
        with opened(way) as connection:
            yield connection
    except broker_errors(way) as error:
        raise Unavailable from error


def _dead_queue() -> Queue:
    return dead_queue(broker_url=current_app.conf.broker_url)


def _home_of(letter: DeadLetter) -> Queue:
    queues = current_app.amqp.queues
    return queues[letter.queue if letter.queue in queues else current_app.conf.task_default_queue]
