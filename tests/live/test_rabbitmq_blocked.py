"""A RabbitMQ short of memory takes no more messages, and says nothing at all."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime

import pytest
from celery import Celery

from common.broker import letters
from common.broker.hints import hint
from common.errors import Unavailable
from common.models import Cause, DeadLetter
from dispatch.tasks import match_area
from tests.live.worker import current
from tests.services import RabbitServer, wait_for

# Each of them would wait for ever for something that has no limit.
pytestmark = [pytest.mark.live, pytest.mark.timeout(120), pytest.mark.django_db(transaction=True)]


@pytest.fixture
def rabbit() -> Iterator[RabbitServer]:
    with RabbitServer() as server:
        yield server


@pytest.fixture(autouse=True)
def app(rabbit: RabbitServer, monkeypatch: pytest.MonkeyPatch) -> Iterator[Celery]:
    """Its connections are from before the broker's restart; then it is blocked."""
    with current(rabbit.url, monkeypatch) as app:
        hint(app.tasks[match_area.name], area="1:1")
        rabbit.kill()
        rabbit.start()
        rabbit.control("set_vm_memory_high_watermark", "0.00001")
        yield app


def test_who_leaves_a_hint_goes_on(app: Celery, caplog: pytest.LogCaptureFixture) -> None:
    caplog.clear()
    hint(app.tasks[match_area.name], area="1:1")
    assert "no hint for" in caplog.text


def test_who_replays_goes_on(
    rabbit: RabbitServer, monkeypatch: pytest.MonkeyPatch, now: datetime
) -> None:
    monkeypatch.setattr(letters, "CONFIRM_S", 0.4)
    for name in ("one", "two"):
        DeadLetter.objects.create(
            identity=name, queue="payments", cause=Cause.FAILED, headers={}, body=b"", died_at=now
        )
    with suppress(Unavailable):  # it still takes the first message of a connection
        letters.replay(DeadLetter.objects.order_by("id"), now=now)
    replayed = DeadLetter.objects.filter(replayed_at=now).count()
    wait_for(lambda: waiting(rabbit, "payments") >= replayed, what="each that was confirmed")


def waiting(rabbit: RabbitServer, queue: str) -> int:
    """Messages that nobody has taken."""
    rows = rabbit.listed("queues", "name", "messages")
    return next(int(row["messages"]) for row in rows if row["name"] == queue)
