"""The shape of the queues: quorum queues behind a topic exchange, or plain lists in Redis."""

from __future__ import annotations

from typing import Any

from kombu import Exchange, Queue

# A worker's death in the middle of a task gives its message back so many times.
DELIVERY_LIMIT = 3
# What expires waits for a worker too: without one, a queue grows by a sweep a second, and would
# fill the broker's disk. A full queue refuses what comes, and the sweeps find that work later.
MOST_WAITING = 100_000
# RabbitMQ 4 would drop what was looked at 20 times; 3.x does not know -1 for "no limit".
NO_LIMIT = 1_000_000
DEAD = "dead"
DELAYED = "celery_delayed"  # how Celery names the queues in which RabbitMQ delays
TASKS = "tasks"


def is_amqp(broker_url: str) -> bool:
    """Whether the broker counts deliveries and moves dead letters by itself."""
    return broker_url.startswith(("amqp://", "amqps://", "pyamqp://"))


def task_queue(name: str, *, broker_url: str) -> Queue:
    """Return the queue of that name; its messages are routed by the same word.

    The exchange is a topic because RabbitMQ delays a message by adding words to its key; with a
    direct one a worker would hold it, and everything behind it, until its time has come.
    """
    if not is_amqp(broker_url):
        # Straight into the list: a Redis that comes back empty has no bindings to forget.
        return Queue(name, Exchange(TASKS, type="direct"), routing_key=name)
    arguments = {
        **_quorum(DELIVERY_LIMIT),
        "x-dead-letter-exchange": DEAD,
        # The message leaves this queue only when the dead letters have it.
        "x-dead-letter-strategy": "at-least-once",
        "x-overflow": "reject-publish",
        "x-max-length": MOST_WAITING,
    }
    exchange = Exchange(TASKS, type="topic")
    return Queue(name, exchange, routing_key=name, queue_arguments=arguments)


def dead_queue(*, broker_url: str) -> Queue:
    """Return where dead letters wait until they are in the table."""
    if not is_amqp(broker_url):
        return Queue(DEAD, Exchange(DEAD, type="direct"), routing_key=DEAD)
    exchange = Exchange(DEAD, type="topic")
    return Queue(DEAD, exchange, routing_key="#", queue_arguments=_quorum(NO_LIMIT))


def transport_options(broker_url: str) -> dict[str, Any]:
    """Return what kombu's connections are made with; seconds."""
    # Once and no more: who wants to wait for the broker says so where it publishes.
    patience: dict[str, Any] = {"max_retries": 0, "interval_start": 0}
    if is_amqp(broker_url):
        return {**patience, "confirm_publish": True}
    return {**patience, "socket_timeout": 10, "socket_connect_timeout": 5}


def leave_expiry_to_workers(*, properties: dict[str, Any], **_news: Any) -> None:
    """Celery's ``before_task_publish``: keep what expires out of the dead letters.

    RabbitMQ would leave it there as it leaves every other; a worker throws it away.
    """
    properties.pop("expiration", None)


def _quorum(limit: int) -> dict[str, Any]:
    return {"x-queue-type": "quorum", "x-delivery-limit": limit}
