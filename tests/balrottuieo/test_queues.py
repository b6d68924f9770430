"""What goes where, on either broker."""

from __future__ import annotations

import pytest

from balrottuieo.celery import app
from balrottuieo.queues import LANES, ROUTES, task_queues
from common.broker.topology import MOST_WAITING, is_amqp, task_queue, transport_options

RABBIT, REDIS = "amqp://guest@127.0.0.1//", "redis://127.0.0.1/0"


@pytest.mark.parametrize(
    ("task", "queue"),
    [
        ("dispatch.tasks.match_area", "matching"),
        ("dispatch.tasks.sweep_offers", "matching"),
        ("dispatch.tasks.sweep_old", "housekeeping"),
        ("payments.tasks.send_refund", "payments"),
        ("errands.tasks.sweep_funded", "payments"),
        ("errands.tasks.sweep_answered_requests", "housekeeping"),
        ("accounts.tasks.sweep_sessions", "housekeeping"),
        ("common.tasks.sweep_dead_letters", "housekeeping"),
        ("nobody.knows.it", "housekeeping"),
    ],
)
def test_where_a_task_goes(task: str, queue: str) -> None:
    assert app.amqp.router.route({}, task)["queue"].name == queue


def test_every_task_has_a_route_and_every_route_a_queue() -> None:
    app.loader.import_default_modules()
    ours = [name for name in app.tasks if not name.startswith(("celery.", "tests."))]
    assert [name for name in ours if app.amqp.router.lookup_route(name) is None] == []
    assert set(ROUTES.values()) <= set(LANES)


def test_both_brokers_have_the_same_queues() -> None:
    names = [[queue.name for queue in task_queues(url)] for url in (RABBIT, REDIS)]
    assert names[0] == names[1] == list(LANES)


def test_on_rabbitmq_they_are_quorum_queues_behind_a_topic() -> None:
    queue = task_queue("matching", broker_url=RABBIT)
    assert (queue.exchange.type, queue.routing_key) == ("topic", "matching")
    assert (queue.queue_arguments or {})["x-queue-type"] == "quorum"
    assert (queue.queue_arguments or {})["x-max-length"] == MOST_WAITING


def test_on_redis_they_need_no_binding() -> None:
    queue = task_queue("matching", broker_url=REDIS)
    assert (queue.exchange.type, queue.queue_arguments) == ("direct", None)


def test_only_rabbitmq_confirms() -> None:
    assert (is_amqp(RABBIT), is_amqp(REDIS)) == (True, False)
    assert transport_options(RABBIT)["confirm_publish"]
    assert "confirm_publish" not in transport_options(REDIS)
