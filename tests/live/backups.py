"""``deploy/backup``, ``deploy/restore`` and ``manage.py`` on a database of one's choice."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit

from deploy.backups.engine import Engine
from deploy.backups.engines import ENGINES
from tests.live.databases import database_url

ROOT = Path(__file__).resolve().parents[2]
BACKUP, RESTORE = "deploy/backup", "deploy/restore"

Finished = subprocess.CompletedProcess[str]


def engine_of(url: str) -> Engine:
    return ENGINES[urlsplit(url).scheme](url)


def run(*command: str | Path, url: str) -> Finished:
    environment = {**os.environ, "DATABASE_URL": url}
    return subprocess.run(
        tuple(map(str, command)), cwd=ROOT, env=environment, capture_output=True, text=True
    )


def manage(*command: str | Path, url: str) -> Finished:
    return run(sys.executable, "manage.py", *command, url=url)


def done(finished: Finished) -> str:
    """Return what a command printed that must have succeeded."""
    assert finished.returncode == 0, finished.stdout + finished.stderr
    return finished.stdout


def refused(finished: Finished) -> str:
    """Return the one line that says why a command refused."""
    assert finished.returncode == 1, finished.stdout + finished.stderr
    assert "Traceback" not in finished.stderr
    return finished.stderr.splitlines()[-1]


def take(shelf: Path) -> Path:
    """Back up the tests' own database."""
    return Path(done(run(BACKUP, shelf, url=database_url())).strip())
