"""The embedded default: Redis moves no dead letters, so the worker does."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.core.management import call_command
from kombu import Connection, Producer

from balrottuieo.celery import app
from common.broker import letters
from common.models import Cause, DeadLetter
from common.redis import client
from tests.live import troubled
from tests.live.worker import Worker
from tests.services import RedisServer, wait_for

pytestmark = [pytest.mark.live, pytest.mark.django_db(transaction=True)]


@pytest.fixture(scope="module")
def broker() -> Iterator[RedisServer]:
    """Not the one that is emptied before each test."""
    with RedisServer() as server:
        yield server


@pytest.fixture(autouse=True)
def named(broker: RedisServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CELERY_BROKER_URL", broker.url)


@pytest.fixture(scope="module")
def worker(broker: RedisServer) -> Iterator[Worker]:
    with Worker(broker.url) as worker:
        yield worker


def the_letter() -> DeadLetter:
    wait_for(lambda: bool(letters.collect()), what="a dead letter")
    return DeadLetter.objects.get()


def test_a_fault_is_kept_and_replayed(worker: Worker) -> None:
    client().set("broken", 1)
    send(troubled.say_unless_broken.name, word="hello")
    letter = the_letter()
    assert (letter.cause, letter.queue) == (Cause.FAILED, "payments")
    client().delete("broken")
    call_command("replay_dead_letters")
    wait_for(lambda: troubled.said() == ["hello"], what="the replay")
    assert letters.collect() == 0


def test_an_unknown_task_is_kept(worker: Worker) -> None:
    send("dispatch.tasks.of_tomorrow", word="new")
    assert the_letter().cause == Cause.UNKNOWN


def test_what_nobody_can_read_is_kept(broker: RedisServer, worker: Worker) -> None:
    with Connection(broker.url) as connection:
        Producer(connection).publish(
            b"\xff", routing_key="payments", content_type="application/json",
            content_encoding="utf-8", headers={"task": troubled.say.name, "id": "one"},
        )  # fmt: skip
    letter = the_letter()
    assert (letter.cause, bytes(letter.body)) == (Cause.UNREADABLE, b"\xff")


def send(name: str, **arguments: str) -> None:
    with app.connection_for_write() as connection:
        app.send_task(name, kwargs=arguments, queue="payments", connection=connection)
