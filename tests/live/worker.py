"""A Celery worker as a child process, and an app of ours that speaks to its broker."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from celery import Celery
from django.conf import settings

from balrottuieo import queues
from balrottuieo.celery import app as project
from balrottuieo.supervisor.plan import ROOT, worker_command
from common.broker.topology import is_amqp, transport_options
from tests.services import Service

MODULE = "tests.live.troubled"


class Worker(Service):
    """One worker, of one queue or of all; `kill()` it and `start()` it again."""

    stop_signal = signal.SIGTERM
    start_seconds = 60.0

    def __init__(self, broker_url: str, lane: str = "") -> None:
        super().__init__()
        self._broker_url = broker_url
        self._lane = lane
        self._starts = 0

    def command(self) -> tuple[str, ...]:
        self._starts += 1
        command = worker_command(self._lane)
        renamed = {"balrottuieo": MODULE, "warning": "info"}  # the level at which it says "ready"
        named = ("-n", f"{self._lane or 'all'}-{self.port}@%h")
        return (*(renamed.get(word, word) for word in command), *named)

    def environment(self) -> dict[str, str]:
        return {
            **os.environ,
            "CELERY_BROKER_URL": self._broker_url,
            "DATABASE_URL": f"sqlite:///{self.directory / 'db.sqlite3'}",
            "LOG_LEVEL": "INFO",
            "PYTHONPATH": str(ROOT),
            "PYTHONUNBUFFERED": "1",
        }

    def ready(self) -> bool:
        return self.log.read_text(errors="replace").count(" ready.") == self._starts

    def alive(self) -> bool:
        return self._process is not None and self._process.poll() is None


@contextmanager
def current(broker_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Celery]:
    """The project's configuration as it would be with that broker, as the current app."""
    monkeypatch.setenv("CELERY_BROKER_URL", broker_url)  # Celery heeds it more than its settings
    app = Celery("tests", set_as_current=False, task_cls="common.broker.base:PatientTask")
    app.config_from_object(settings, namespace="CELERY")
    app.conf.update(
        broker_url=broker_url,
        task_queues=queues.task_queues(broker_url),
        broker_transport_options=transport_options(broker_url),
        task_reject_on_worker_lost=is_amqp(broker_url),
    )
    app.set_current()
    yield app
    project.set_current()
    app.close()
