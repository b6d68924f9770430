"""What the live tests share: a summary of what was done, places for backups and what they hold."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from django.db import connection

from tests.live.web_server import SocketServer
from tests.services import MongoServer, PostgresServer

TOLD = pytest.StashKey[list[str]]()
SERVERS: dict[str, type[MongoServer | PostgresServer]] = {
    "postgresql": PostgresServer,
    "mongodb": MongoServer,
}


@pytest.fixture
def tell(request: pytest.FixtureRequest) -> Callable[[str], None]:
    """Say a line in the summary of the run."""
    told = request.config.stash.setdefault(TOLD, [])
    return told.append


@pytest.fixture
def server(transactional_db: None) -> Iterator[SocketServer]:
    with SocketServer() as running:
        yield running


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if told := terminalreporter.config.stash.get(TOLD, []):
        terminalreporter.section("what was done, and what it did")
        for line in told:
            terminalreporter.write_line(line)


@pytest.fixture
def shelf(tmp_path: Path) -> Path:
    """Where backups are kept; the first one makes it."""
    return tmp_path / "backups"


@pytest.fixture
def fresh_database(tmp_path: Path) -> Iterator[str]:
    """The address of a database that nobody has used, on a server of its own."""
    if connection.vendor == "sqlite":
        yield f"sqlite:///{tmp_path / 'fresh.sqlite3'}"
    else:
        with SERVERS[connection.vendor]() as server:
            yield server.url
