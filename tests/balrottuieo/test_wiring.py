"""What only the project package knows: which tasks run by themselves, and that a process lives."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

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
        assert 10 <= entry["options"]["expires"] <= max(10, entry["schedule"]), name


def test_a_living_process_says_so_without_the_database(client: Client) -> None:
    answer = client.get("/health/live")
    assert (answer.status_code, answer.content) == (200, b"ok")


@pytest.mark.parametrize("path", ["/api/docs/", "/api/redoc/"])
def test_the_documents_come_from_our_own_server(client: Client, path: str) -> None:
    page = client.get(path).content.decode()
    assert "drf_spectacular_sidecar" in page
    assert "https://" not in page


def test_a_command_reads_what_make_run_wrote(tmp_path: Path) -> None:
    """A copy of manage.py beside a run.env of its own: the file counts, the environment more."""
    root = Path(__file__).resolve().parents[2]
    shutil.copy(root / "manage.py", tmp_path)
    (tmp_path / "var").mkdir()
    (tmp_path / "var" / "run.env").write_text('PUBLIC_URL="http://here:1"\nDEBUG="false"\n')
    ask = "from django.conf import settings; print(settings.PUBLIC_URL, settings.DEBUG)"
    found = subprocess.run(
        [sys.executable, str(tmp_path / "manage.py"), "shell", "--no-imports", "-c", ask],
        env={**os.environ, "DEBUG": "true", "PYTHONPATH": str(root)},
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert found.stdout.split() == ["http://here:1", "True"]
