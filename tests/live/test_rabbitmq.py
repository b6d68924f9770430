"""A real RabbitMQ and real workers: nothing vanishes, blocks others, or goes round for ever."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from amqp.exceptions import MessageNacked
from celery import Celery, Task
from django.core.management import call_command
from django.test import Client
from django.urls import reverse
from kombu import Connection, Producer
from kombu.exceptions import OperationalError

from accounts.models import User
from balrottuieo.queues import LANES
from common.broker import letters
from common.broker.hints import hint
from common.broker.pool import broker_errors
from common.broker.topology import DEAD, DELIVERY_LIMIT, MOST_WAITING, task_queue
from common.errors import Unavailable
from common.models import Cause, DeadLetter
from common.redis import client as redis_client
from tests.live import troubled
from tests.live.worker import Worker, current
from tests.services import RabbitServer, wait_for

pytestmark = [pytest.mark.live, pytest.mark.timeout(300), pytest.mark.django_db(transaction=True)]

Send = Callable[..., None]


@pytest.fixture(scope="module")
def rabbit() -> Iterator[RabbitServer]:
    with RabbitServer() as server:
        yield server


@pytest.fixture(scope="module")
def the_worker(rabbit: RabbitServer) -> Iterator[Worker]:
    """One for all queues."""
    with Worker(rabbit.url) as worker:
        yield worker


@pytest.fixture
def worker(the_worker: Worker) -> Worker:
    """Alive, whatever the test before did to it."""
    if not the_worker.alive():
        the_worker.start()
    return the_worker


@pytest.fixture(autouse=True)
def app(rabbit: RabbitServer, monkeypatch: pytest.MonkeyPatch) -> Iterator[Celery]:
    """What the tests publish with, and what our own code takes for the current app."""
    with current(rabbit.url, monkeypatch) as app:
        yield app


@pytest.fixture
def send(app: Celery) -> Send:
    def send(task: Task[..., None], word: str, *, queue: str = "matching", **options: Any) -> None:
        app.send_task(task.name, kwargs={"word": word}, queue=queue, confirm_timeout=10, **options)

    return send


def wait_for_words(*words: str) -> None:
    try:
        wait_for(lambda: troubled.said() == list(words), what=f"{words}")
    except TimeoutError as error:
        error.add_note(f"said instead: {troubled.said()}")
        raise


def the_letter() -> DeadLetter:
    """Waits for the one dead letter."""
    wait_for(lambda: bool(letters.collect()), what="a dead letter")
    return DeadLetter.objects.get()


def replayed() -> int:
    """Have everything replayed by the command; return how many letters are left."""
    call_command("replay_dead_letters")
    return DeadLetter.objects.filter(replayed_at=None).count()


# --- Topology ----------------------------------------------------------------------------
def test_the_queues_are_as_declared(rabbit: RabbitServer, worker: Worker) -> None:
    queues = {row["name"]: row for row in rabbit.listed("queues", "name", "type", "arguments")}
    for name in LANES:
        arguments = {key: value for key, _type, value in queues[name]["arguments"]}
        assert queues[name]["type"] == "quorum"
        assert arguments["x-dead-letter-exchange"] == DEAD
        assert arguments["x-dead-letter-strategy"] == "at-least-once"
        assert arguments["x-delivery-limit"] == DELIVERY_LIMIT
        assert arguments["x-max-length"] == MOST_WAITING
    assert queues[DEAD]["type"] == queues["matching"]["type"]
    exchanges = {row["name"]: row["type"] for row in rabbit.listed("exchanges", "name", "type")}
    assert (exchanges["tasks"], exchanges[DEAD]) == ("topic", "topic")


def test_each_queue_has_its_own_prefetch(rabbit: RabbitServer) -> None:
    workers = [Worker(rabbit.url, lane) for lane in LANES]
    try:
        for one in workers:
            one.start()
        rows = rabbit.listed("consumers", "queue_name", "prefetch_count")
        taken = {(row["queue_name"], row["prefetch_count"]) for row in rows}
        assert {(name, lane.prefetch) for name, lane in LANES.items()} <= taken
    finally:
        for one in workers:
            one.close()


# --- Delivery ----------------------------------------------------------------------------
def test_what_is_late_does_not_block_what_is_now(send: Send, worker: Worker) -> None:
    for _ in range(20):  # more than a worker takes ahead
        send(troubled.say, "late", countdown=8)
    send(troubled.say, "now")
    wait_for_words("now", *["late"] * 20)


def test_a_hint_below_a_second_is_delayed_and_not_refused(app: Celery, worker: Worker) -> None:
    hint(app.tasks[troubled.say.name], countdown=0.2, word="soon")
    wait_for_words("soon")


def test_what_waits_survives_the_worker(worker: Worker, send: Send) -> None:
    send(troubled.say, "later", countdown=5)
    send(troubled.say_and_wait, "in the middle")
    wait_for_words("in the middle")
    worker.kill()
    redis_client().set("go", 1)
    worker.start()
    again = ["in the middle", "in the middle", "later"]
    wait_for(lambda: sorted(troubled.said()) == again, what="both")


def test_what_has_expired_is_neither_done_nor_a_dead_letter(worker: Worker, send: Send) -> None:
    # Not killed: what the test before had done might not be confirmed yet, and come again.
    worker.send(signal.SIGTERM)
    worker.ended()
    send(troubled.say, "too late", expires=1)
    time.sleep(1.5)
    send(troubled.say, "in time")
    worker.start()
    wait_for_words("in time")
    assert letters.collect() == 0


def test_a_worker_comes_back_to_a_broker_that_crashed(
    rabbit: RabbitServer, worker: Worker, app: Celery, send: Send
) -> None:
    rabbit.kill()
    rabbit.start()
    wait_for(lambda: sent(app, send), what="a confirmed message")
    wait_for(lambda: "back" in troubled.said(), what="work", seconds=60)


def test_a_hint_finds_the_broker_that_was_restarted(
    rabbit: RabbitServer, worker: Worker, app: Celery, send: Send
) -> None:
    say = app.tasks[troubled.say.name]
    hint(say, word="before")
    wait_for_words("before")
    rabbit.kill()
    rabbit.start()
    wait_for(lambda: sent(app, send), what="a confirmed message")
    hint(say, word="after")
    wait_for(lambda: {"back", "after"} <= set(troubled.said()), what="both", seconds=60)


def test_a_full_queue_refuses_and_a_hint_only_says_so(
    app: Celery, send: Send, caplog: pytest.LogCaptureFixture
) -> None:
    full = task_queue("full", broker_url=app.conf.broker_url)
    full.queue_arguments = {**(full.queue_arguments or {}), "x-max-length": 1}
    app.amqp.queues.add(full)
    app.conf.task_default_queue = "full"
    for _ in range(5):  # a quorum queue is full a little late
        hint(app.tasks[troubled.say.name], word="in vain")
    assert "no hint for" in caplog.text
    with pytest.raises(OperationalError) as refused:
        send(troubled.say, "in vain", queue="full")
    assert isinstance(refused.value.__cause__, MessageNacked)


def test_a_frozen_broker_does_not_hold_who_collects(
    rabbit: RabbitServer, app: Celery, monkeypatch: pytest.MonkeyPatch
) -> None:
    """RabbitMQ is stopped once it has a channel: nothing of TCP breaks."""

    def freeze(connection: Connection) -> None:
        assert connection.default_channel
        rabbit.freeze()

    monkeypatch.setattr(letters, "PATIENT", dict.fromkeys(letters.PATIENT, 1.0))
    monkeypatch.setattr(letters, "declare", freeze)
    try:
        with pytest.raises(Unavailable):
            letters.collect()
    finally:
        rabbit.thaw()


def sent(app: Celery, send: Send) -> bool:
    try:
        send(troubled.say, "back")
    except broker_errors(app.connection_for_write()):
        return False
    return True


# --- Trouble -----------------------------------------------------------------------------
def test_a_fault_is_seen_and_replayed(
    client: Client, dana: User, worker: Worker, send: Send
) -> None:
    redis_client().set("broken", 1)
    send(troubled.say_unless_broken, "hello", queue="payments", expires=30)
    letter = the_letter()
    assert (letter.cause, letter.queue) == (Cause.FAILED, "payments")
    client.force_login(dana)
    page = client.get(reverse("admin:common_deadletter_changelist")).content.decode()
    for text in (letter.task, "payments", "hello", "ZeroDivisionError"):
        assert text in page
    redis_client().delete("broken")
    chosen = {"action": "replay", "_selected_action": [str(letter.pk)]}
    client.post(reverse("admin:common_deadletter_changelist"), chosen)
    wait_for_words("hello")
    letter.refresh_from_db()
    assert letter.replayed_at is not None
    assert letters.collect() == 0


def test_a_letter_that_dies_again_is_the_same_letter(worker: Worker, send: Send) -> None:
    redis_client().set("broken", 1)
    send(troubled.say_unless_broken, "hello")
    the_letter()
    assert replayed() == 0
    again = the_letter()
    assert (again.deaths, again.replayed_at) == (2, None)
    redis_client().delete("broken")
    assert replayed() == 0
    wait_for_words("hello")


def test_a_task_that_kills_its_worker_is_stopped(worker: Worker, send: Send) -> None:
    send(troubled.kill_the_worker, "dying", queue="housekeeping")
    for deaths in range(1, DELIVERY_LIMIT + 2):
        wait_for(lambda: not worker.alive(), what="the death of the worker")
        assert troubled.said() == ["dying"] * deaths
        worker.kill()
        worker.start()
    letter = the_letter()
    assert (letter.cause, letter.queue) == (Cause.KILLED, "housekeeping")
    assert letter.task == troubled.kill_the_worker.name


def test_an_unknown_task_waits_for_the_release_that_knows_it(
    app: Celery, worker: Worker, send: Send
) -> None:
    app.send_task("dispatch.tasks.of_tomorrow", kwargs={"word": "new"}, confirm_timeout=10)
    letter = the_letter()
    assert (letter.cause, letter.task) == (Cause.UNKNOWN, "dispatch.tasks.of_tomorrow")
    letter.headers["task"] = troubled.say.name  # as if a worker of tomorrow knew it
    letter.save(update_fields=["headers"])
    assert replayed() == 0
    wait_for_words("new")


@pytest.mark.parametrize(
    ("body", "content_type", "headers"),
    [
        (b"\xff\x00 not json", "application/json", {"task": troubled.say.name, "id": "one"}),
        (b"\x80\x04N.", "application/x-python-serialize", {"task": troubled.say.name, "id": "two"}),
        (b"7", "application/json", {"task": troubled.say.name, "id": "three"}),
        (b"{}", "application/json", {"task": troubled.say.name}),
        (b"hello", "text/plain", {}),
        (b"zip", "application/json", {"task": "x", "id": "y", "compression": "gzip"}),
    ],
)
def test_what_nobody_can_read_is_kept_and_stops_nobody(
    rabbit: RabbitServer, worker: Worker, send: Send,
    body: bytes, content_type: str, headers: dict[str, str],
) -> None:  # fmt: skip
    with Connection(rabbit.url) as connection:
        Producer(connection).publish(
            body, routing_key="matching", content_type=content_type, headers=headers,
            content_encoding="utf-8",
        )  # fmt: skip
    send(troubled.say, "next")
    wait_for_words("next")
    letter = the_letter()
    assert letter.cause == Cause.UNREADABLE
    assert bytes(letter.body) == body


def test_a_passing_trouble_is_tried_again_and_then_given_up(worker: Worker, send: Send) -> None:
    send(troubled.meet_a_dead_database, "try")
    letter = the_letter()
    assert troubled.said() == ["try"] * (1 + troubled.HastyTask.max_retries)
    assert letter.error.strip().endswith("OperationalError: nobody there")


def test_a_sweep_that_meets_a_passing_trouble_just_comes_again(
    app: Celery, worker: Worker, send: Send
) -> None:
    app.send_task(troubled.sweep_a_dead_database.name, queue="matching", confirm_timeout=10)
    send(troubled.say, "next")
    wait_for(lambda: set(troubled.said()) == {"swept", "next"}, what="both")
    assert letters.collect() == 0


def test_a_faulty_sweep_leaves_one_letter(app: Celery, worker: Worker) -> None:
    for _ in range(3):
        app.send_task(troubled.sweep_with_a_fault.name, queue="matching", confirm_timeout=10)
    wait_for(lambda: bool(letters.collect()) and the_letter_died(3), what="three deaths")


def the_letter_died(times: int) -> bool:
    return DeadLetter.objects.get().deaths == times
