"""What only the project package knows: which tasks run by themselves, and that a process lives."""

from __future__ import annotations

import pytest
from django.test import Client

from balrottuieo.celery import app


def test_everything_that_runs_by_itself_exists() -> None:
    app.loader.import_default_modules()
    wanted = {entry["task"] for entry in app.conf.beat_schedule.values()}
    assert wanted
    assert not wanted - set(app.tasks)


def test_sweeps_do_not_pile_up_behind_a_stopped_worker() -> None:
    for name, entry in app.conf.beat_schedule.items():
        assert entry["options"]["expires"] <= entry["schedule"], name


def test_a_living_process_says_so_without_the_database(client: Client) -> None:
    answer = client.get("/health/live")
    assert (answer.status_code, answer.content) == (200, b"ok")


@pytest.mark.parametrize("path", ["/api/docs/", "/api/redoc/"])
def test_the_documents_come_from_our_own_server(client: Client, path: str) -> None:
    page = client.get(path).content.decode()
    assert "drf_spectacular_sidecar" in page
    assert "https://" not in page
