"""SQLite: copied page by page through its own backup interface, never as a file."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from urllib.parse import unquote, urlsplit

from deploy.backups.engine import LOCK_PATIENCE_S, BackupError, Facts

FILE = "database.sqlite3"


class Sqlite:
    name = "sqlite"

    def __init__(self, url: str) -> None:
        path = unquote(urlsplit(url).path)[1:]
        if not path:
            raise BackupError("DATABASE_URL names no file: sqlite:////absolute/path.")
        self._path = Path(path).absolute()

    @property
    def where(self) -> str:
        return str(self._path)

    def counts(self) -> dict[str, int]:
        if not self._path.exists():
            return {}
        with _opened(self._path) as database:
            return _counts(database)

    def dump(self, folder: Path) -> Facts:
        with _opened(self._path) as source, _opened(folder / FILE, mode="rwc") as copy:
            # The first read pins the moment: the copy does not begin anew at every write.
            source.execute("BEGIN")
            facts = Facts(
                server=f"SQLite {sqlite3.sqlite_version}",
                counts=_counts(source),
                migrations=_migrations(source),
            )
            source.backup(copy)
            _check(copy)
            copy.execute("PRAGMA journal_mode = DELETE")  # one file, no -wal beside it
        return facts

    def load(self, folder: Path) -> None:
        # One write transaction of the target: whoever is killed in it has changed nothing.
        with _opened(folder / FILE) as copy, _opened(self._path, mode="rwc") as target:
            _check(copy)
            copy.backup(target)


@contextmanager
def _opened(path: Path, *, mode: str = "rw") -> Iterator[sqlite3.Connection]:
    address = f"{path.as_uri()}?mode={mode}"
    try:
        connection = sqlite3.connect(
            address, uri=True, timeout=LOCK_PATIENCE_S, isolation_level=None
        )
    except sqlite3.OperationalError as error:
        raise BackupError(f"{path}: {error}") from error
    with closing(connection):
        yield connection


def _counts(database: sqlite3.Connection) -> dict[str, int]:
    tables = database.execute(
        "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'"
        " ORDER BY name"
    ).fetchall()
    return {name: _count(database, name) for (name,) in tables}


def _count(database: sqlite3.Connection, table: str) -> int:
    ((rows,),) = database.execute(f'SELECT count(*) FROM "{table}"')
    return int(rows)


def _migrations(database: sqlite3.Connection) -> dict[str, str]:
    return dict(database.execute("SELECT app, max(name) FROM django_migrations GROUP BY app"))


def _check(database: sqlite3.Connection) -> None:
    found = database.execute("PRAGMA integrity_check").fetchall()
    if found != [("ok",)]:
        raise BackupError(f"The copy is damaged: {found[0][0]}")
