"""Where a worker lets go of a message for good, it leaves a dead letter instead."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from celery import Celery, bootsteps
from celery.utils.log import get_logger
from celery.worker.consumer import Consumer as BaseConsumer
from celery.worker.request import Request as BaseRequest
from kombu import Message

from common.broker import letters
from common.broker.base import PASSING, Sweep
from common.broker.topology import is_amqp
from common.models import Cause

logger = get_logger(__name__)

# What a message does that is no task: a foreign shape, a missing name, a body of another kind.
MALFORMED = (AttributeError, KeyError, TypeError, ValueError)


class Request(BaseRequest):
    """One delivery of one task. `bury` comes before the acknowledgement, so nothing is lost."""

    _failure: BaseException | None = None
    _traceback = ""

    def on_failure(
        self, exc_info: Any, send_failed_event: bool = True, return_ok: bool = False
    ) -> None:
        self._failure, self._traceback = exc_info.exception, str(exc_info.traceback)
        super().on_failure(exc_info, send_failed_event, return_ok)

    def on_timeout(self, soft: bool, timeout: float) -> None:
        self._traceback = f"not done after {timeout} s"
        super().on_timeout(soft, timeout)

    def reject(self, requeue: bool = False) -> None:
        if requeue and self.task.reject_on_worker_lost:
            super().reject(requeue=True)  # RabbitMQ counts, and buries it in the end
        elif self._passes() or self._buried():
            self.acknowledge()
        else:
            super().reject(requeue=not _moves_its_dead(self.task.app))

    def _passes(self) -> bool:
        return isinstance(self.task, Sweep) and isinstance(self._failure, PASSING)

    def _buried(self) -> bool:
        identity = self.task.name if isinstance(self.task, Sweep) else ""
        error = self._traceback
        return letters.bury(self.message, cause=Cause.FAILED, error=error, identity=identity)


class Consumer(BaseConsumer):
    """Reads messages. What is no task of ours is a dead letter too, and stops nobody."""

    connection_errors: tuple[type[Exception], ...]

    def create_task_handler(self, *args: Any, **kwargs: Any) -> Callable[[Message], None]:
        handle = super().create_task_handler(*args, **kwargs)

        def on_message(message: Message) -> None:
            try:
                handle(message)
            except MALFORMED as error:
                self._bury(message, Cause.UNREADABLE, error)

        return on_message

    def on_decode_error(self, message: Message, exc: Exception) -> None:
        self._bury(message, Cause.UNREADABLE, exc)

    def on_unknown_message(self, body: object, message: Message) -> None:
        self._bury(message, Cause.UNREADABLE, None)

    def on_invalid_task(self, body: object, message: Message, exc: Exception) -> None:
        self._bury(message, Cause.UNREADABLE, exc)

    def on_unknown_task(self, body: object, message: Message, exc: Exception) -> None:
        self._bury(message, Cause.UNKNOWN, exc)

    def _bury(self, message: Message, cause: Cause, error: Exception | None) -> None:
        logger.error("%s message %s: %r", cause, message.headers.get("task"), error)
        if letters.bury(message, cause=cause, error=repr(error) if error else ""):
            message.ack_log_error(logger, self.connection_errors)
        else:
            requeue = not _moves_its_dead(self.app)
            message.reject_log_error(logger, self.connection_errors, requeue=requeue)


class DeadLetters(bootsteps.StartStopStep):
    """Declares the exchange and the queue that the other queues leave their dead to."""

    requires = ("celery.worker.consumer:Connection",)

    def start(self, parent: Any) -> None:
        letters.declare(parent.connection)


def _moves_its_dead(app: Celery) -> bool:
    """RabbitMQ makes a dead letter of what is rejected; Redis would forget it."""
    return is_amqp(app.conf.broker_url)
