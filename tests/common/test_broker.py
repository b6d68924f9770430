"""Hints, patience and dead letters, as they are on the embedded Redis."""

from __future__ import annotations

import json
import math
from datetime import datetime, timedelta
from io import StringIO
from typing import Any

import pytest
from celery import Celery, Task, shared_task
from celery.exceptions import Retry
from django.contrib import messages
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission
from django.core.management import call_command
from django.db import OperationalError
from django.test import Client
from django.urls import reverse
from kombu import Connection, Message, Producer
from pytest_django import Settings

from accounts.models import User
from balrottuieo.celery import app as project
from balrottuieo.queues import LANES
from common.broker import letters
from common.broker.base import PASSING, PatientTask, Sweep
from common.broker.envelope import kept_headers
from common.broker.hints import hint
from common.errors import Unavailable
from common.models import Cause, DeadLetter
from common.redis import client as redis_client
from common.tasks import sweep_dead_letters

pytestmark = pytest.mark.django_db(transaction=True)

NOBODY = "redis://127.0.0.1:1/0"
CHANGELIST = "admin:common_deadletter_changelist"


# --- Hints -------------------------------------------------------------------------------
@pytest.fixture
def dead_task(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Task[..., None]:
    """A task whose queue nobody runs."""
    monkeypatch.setenv("CELERY_BROKER_URL", NOBODY)
    app = Celery("dead", set_as_current=False)
    app.conf.broker_transport_options = settings.CELERY_BROKER_TRANSPORT_OPTIONS

    @app.task(name="nothing")
    def nothing(**_arguments: object) -> None: ...

    return nothing


def test_a_queue_that_is_down_is_said_once_and_then_left_alone(
    dead_task: Task[..., None], caplog: pytest.LogCaptureFixture
) -> None:
    hint(dead_task, area="1:1")
    hint(dead_task, area="2:2")
    assert [record.getMessage()[:19] for record in caplog.records] == ["no hint for nothing"]


# --- Patience ----------------------------------------------------------------------------
@shared_task
def tired(**_arguments: object) -> None:
    """Meets a database that does not answer."""
    raise OperationalError("nobody there")


def try_again(task: Task[..., None], retries: int) -> float:
    """The seconds until the next try, after so many."""
    task.push_request(
        id="one", retries=retries, called_directly=False, args=(), kwargs={},
        delivery_info={"exchange": "", "routing_key": "housekeeping"},
    )  # fmt: skip
    try:
        with pytest.raises(Retry) as caught:
            task.run()
        return float(str(caught.value.when))
    finally:
        task.pop_request()


def test_pauses_grow_and_differ_and_have_an_end() -> None:
    for retries in range(PatientTask.max_retries):
        pauses = {try_again(tired, retries) for _ in range(25)}
        assert max(pauses) <= 2 * 2**retries
        assert len(pauses) > 1


def test_after_the_last_try_the_error_itself_is_raised() -> None:
    with pytest.raises(OperationalError):
        tired.apply(retries=PatientTask.max_retries).get()


def test_every_task_of_ours_is_patient_and_every_sweep_a_sweep() -> None:
    project.loader.import_default_modules()
    ours = {
        name: task
        for name, task in project.tasks.items()
        if ".tasks." in name and "tests" not in name
    }
    assert len(ours) > 10
    for name, task in ours.items():
        assert isinstance(task, PatientTask), name
        assert isinstance(task, Sweep) == name.rpartition(".")[2].startswith("sweep_"), name


@pytest.mark.parametrize("error", [ConnectionResetError(), TimeoutError(), Unavailable()])
def test_what_passes(error: Exception) -> None:
    assert isinstance(error, PASSING)


# --- Dead letters ------------------------------------------------------------------------
def publish(**headers: object) -> None:
    """Put a message for nobody in particular into the queue of payments."""
    with Connection(broker_url()) as connection:
        Producer(connection).publish(
            [[], {"word": "hello"}, {}],
            routing_key="payments",
            headers={"task": "of.yesterday", "id": "one", "kwargsrepr": "{'word': 'hello'}"}
            | headers,
        )


def broker_url() -> str:
    return str(project.conf.broker_url)


def take() -> Message:
    """As a worker would take it."""
    with Connection(broker_url()) as connection:
        channel: Any = connection.default_channel
        message: Message = channel.basic_get("payments", no_ack=True)
    return message


def die(*, cause: Cause = Cause.FAILED, error: str = "Oh: no", **headers: object) -> None:
    publish(**headers)
    assert letters.bury(take(), cause=cause, error=error)


def test_a_letter_says_what_died_and_why() -> None:
    die(error="Traceback\nZeroDivisionError: won")
    sweep_dead_letters()
    letter = DeadLetter.objects.get()
    assert (letter.task, letter.queue, letter.cause) == ("of.yesterday", "payments", Cause.FAILED)
    assert letter.arguments == "{'word': 'hello'}"
    assert letter.error.endswith("ZeroDivisionError: won")
    assert redis_client().llen("dead") == 0


def lost(*_arguments: object) -> None:
    raise OperationalError("nobody there")


def test_a_letter_stays_in_the_queue_until_its_row_is_there(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    die()
    with monkeypatch.context() as without_database:
        without_database.setattr(letters, "_record", lost)
        with pytest.raises(OperationalError):
            letters.collect()
    assert redis_client().llen("dead") == 1
    assert letters.collect() == 1
    assert DeadLetter.objects.count() == 1


def test_a_replay_is_a_new_message(now: datetime) -> None:
    die(retries=5, eta="2026-01-01T00:00:00", expires="2026-01-01T00:00:00")
    letters.collect()
    assert letters.replay(DeadLetter.objects.all(), now=now) == 1
    message = take()
    assert message.payload == [[], {"word": "hello"}, {}]
    assert message.headers["id"] == "one"
    anew: list[Any] = [message.headers[name] for name in ("retries", "eta", "expires")]
    assert anew == [0, None, None]
    assert DeadLetter.objects.get().replayed_at == now


def test_a_replay_that_nobody_confirms_changes_nothing(
    now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    die()
    letters.collect()
    monkeypatch.setenv("CELERY_BROKER_URL", NOBODY)
    with pytest.raises(Unavailable):
        letters.replay(DeadLetter.objects.all(), now=now)
    assert DeadLetter.objects.get().replayed_at is None


def test_letters_of_one_identity_share_a_row() -> None:
    for error in ("first", "second"):
        publish(id=error)
        assert letters.bury(take(), cause=Cause.FAILED, error=error, identity="sweep")
    assert letters.collect() == 2
    letter = DeadLetter.objects.get()
    assert (letter.identity, letter.deaths, letter.error) == ("sweep", 2, "second")


def test_a_strangers_letter_fits_into_every_database() -> None:
    die(task="x\0" * 300, kwargsrepr="\0", stamps={"a": "\0"}, error="\0", strange="header")
    letters.collect()
    letter = DeadLetter.objects.get()
    assert len(letter.task) == 200
    assert "\0" not in letter.task + letter.error + letter.arguments + json.dumps(letter.headers)
    assert "strange" not in letter.headers


@pytest.mark.parametrize(
    "text", ["a\\u0000b", "a\\", "\ud800", "\0", math.nan, {"a": ["\0\udfff"]}]
)
def test_a_strangers_text_is_kept_or_made_harmless(text: object) -> None:
    headers = kept_headers({"origin": text})
    assert json.loads(json.dumps(headers, ensure_ascii=False).encode()) == headers
    assert "\\u0000" not in json.dumps(headers).replace("\\\\", "")


def bury_as_is(body: bytes, **headers: object) -> None:
    """Leave a dead letter of a stranger's making."""
    with Connection(broker_url()) as connection:
        letters.declare(connection)
        Producer(connection).publish(
            body, routing_key="dead", content_type="text/plain", content_encoding="utf-8",
            headers=headers,
        )  # fmt: skip


@pytest.mark.parametrize("word", ["failed", "of tomorrow", 7])
def test_a_letter_may_say_little_of_its_death(word: object) -> None:
    bury_as_is(b"{}", dead_cause=word, dead_error="\ud800")
    assert letters.collect() == 1
    assert DeadLetter.objects.get().cause == (word if word == "failed" else Cause.REJECTED)


@pytest.mark.parametrize("moves", [[{}], ["moved"], 7])
def test_a_letter_that_fits_into_no_row_stops_no_other(moves: object) -> None:
    bury_as_is(b"first", **{"x-death": moves})
    bury_as_is(b"second", task="of.yesterday", id="second")
    assert letters.collect() == 2
    assert redis_client().llen("dead") == 0
    first, second = DeadLetter.objects.order_by("pk")
    assert (first.cause, bytes(first.body), first.headers) == (Cause.UNREADABLE, b"first", {})
    assert second.identity == "second"


@pytest.mark.parametrize("replayed", [False, True])
def test_what_died_long_ago_is_forgotten(replayed: bool, now: datetime) -> None:
    for days in (29, 31):
        die(id=str(days))
        letters.collect()
        at = now - timedelta(days=days)
        DeadLetter.objects.filter(identity=str(days)).update(
            died_at=at, replayed_at=at if replayed else None
        )
    assert letters.forget_old(now=now) == 1
    assert DeadLetter.objects.get().identity == "29"


# --- The command -------------------------------------------------------------------------
def run(**options: Any) -> str:
    out = StringIO()
    call_command("replay_dead_letters", stdout=out, **options)
    return out.getvalue()


def test_the_command_lists_and_leaves_everything() -> None:
    die()
    listed = run(list=True)
    for word in ("payments", "failed", "of.yesterday", "hello"):
        assert word in listed
    assert DeadLetter.objects.get().replayed_at is None
    assert redis_client().llen("payments") == 0


def test_the_command_replays_the_oldest_of_a_queue() -> None:
    for name in ("one", "two"):
        die(id=name)
    assert run(queue="matching") == "0 dead letters were replayed\n"
    assert run(queue="payments", limit=1) == "1 dead letters were replayed\n"
    assert take().headers["id"] == "one"
    assert run() == "1 dead letters were replayed\n"
    assert run() == "0 dead letters were replayed\n"


def test_the_command_resends_what_would_only_kill_again_when_it_is_named() -> None:
    for cause in (Cause.KILLED, Cause.UNREADABLE, Cause.UNKNOWN):
        die(id=cause, cause=cause)
    assert run(list=True).count("of.yesterday") == 3
    assert run() == "1 dead letters were replayed\n"
    assert take().headers["id"] == Cause.UNKNOWN
    assert run(cause=["killed", "unreadable"]) == "2 dead letters were replayed\n"


# --- The admin ---------------------------------------------------------------------------
@pytest.fixture
def letter() -> DeadLetter:
    die()
    letters.collect()
    return DeadLetter.objects.get()


def replay_in_admin(client: Client, user: User, *chosen: DeadLetter) -> int:
    return act_in_admin(client, user, "replay", *chosen)


def act_in_admin(
    client: Client, user: User, action: str, *chosen: DeadLetter, **fields: str
) -> int:
    client.force_login(user)
    keys = [str(letter.pk) for letter in chosen]
    data = {"action": action, "_selected_action": keys, **fields}
    return client.post(reverse(CHANGELIST), data).status_code


def test_who_may_only_look_does_not_replay(
    client: Client, charlie: User, letter: DeadLetter
) -> None:
    assert replay_in_admin(client, charlie, letter) == 302  # to the login: no staff
    charlie.is_staff = True
    charlie.save(update_fields=["is_staff"])
    assert replay_in_admin(client, charlie, letter) == 403
    charlie.user_permissions.add(Permission.objects.get(codename="view_deadletter"))
    assert "of.yesterday" in client.get(reverse(CHANGELIST)).content.decode()
    replay_in_admin(client, User.objects.get(pk=charlie.pk), letter)
    assert redis_client().llen("payments") == 0
    charlie.user_permissions.add(Permission.objects.get(codename="change_deadletter"))
    replay_in_admin(client, User.objects.get(pk=charlie.pk), letter)
    assert redis_client().llen("payments") == 1


def test_who_may_delete_dismisses_and_it_is_logged(
    client: Client, charlie: User, letter: DeadLetter
) -> None:
    charlie.is_staff = True
    charlie.save(update_fields=["is_staff"])
    charlie.user_permissions.add(Permission.objects.get(codename="view_deadletter"))
    act_in_admin(client, charlie, "delete_selected", letter, post="yes")
    assert DeadLetter.objects.exists()
    charlie.user_permissions.add(Permission.objects.get(codename="delete_deadletter"))
    charlie = User.objects.get(pk=charlie.pk)
    assert act_in_admin(client, charlie, "delete_selected", letter) == 200  # are you sure?
    assert DeadLetter.objects.exists()
    act_in_admin(client, charlie, "delete_selected", letter, post="yes")
    assert not DeadLetter.objects.exists()
    assert LogEntry.objects.get().object_id == str(letter.pk)


def test_too_many_at_once_are_replayed_in_part_and_that_is_said(
    client: Client, dana: User, letter: DeadLetter, monkeypatch: pytest.MonkeyPatch
) -> None:
    die(id="two")
    letters.collect()
    monkeypatch.setattr(letters, "BATCH", 1)
    replay_in_admin(client, dana, *DeadLetter.objects.all())
    assert DeadLetter.objects.filter(replayed_at=None).count() == 1
    said = [message.level for message in client.get(reverse(CHANGELIST)).context["messages"]]
    assert said == [messages.WARNING, messages.SUCCESS]


def test_the_list_is_filtered_by_the_queues_there_are(
    client: Client, dana: User, letter: DeadLetter
) -> None:
    client.force_login(dana)
    for queue, shown in (("payments", True), ("matching", False)):
        page = client.get(reverse(CHANGELIST), {"queue": queue}).content.decode()
        assert ("of.yesterday" in page) == shown
        assert all(f"?queue={name}" in page for name in LANES)


def test_nobody_edits_a_letter(client: Client, dana: User, letter: DeadLetter) -> None:
    client.force_login(dana)
    page = client.get(reverse("admin:common_deadletter_change", args=[letter.pk]))
    assert "Oh: no" in page.content.decode()
    assert 'name="_save"' not in page.content.decode()
    assert client.get(reverse("admin:common_deadletter_add")).status_code == 403


def test_a_broker_that_is_down_is_said_in_the_admin(
    client: Client, dana: User, letter: DeadLetter, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CELERY_BROKER_URL", NOBODY)
    assert replay_in_admin(client, dana, letter) == 302
    letter.refresh_from_db()
    assert letter.replayed_at is None
    assert str(Unavailable()) in client.get(reverse(CHANGELIST)).content.decode()
