"""SQLite copied while somebody writes, and loaded over a file that others have open."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from deploy.backups import sqlite
from deploy.backups.engine import BackupError
from deploy.backups.sqlite import Sqlite


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    """An open database, as the product has it."""
    with closing(sqlite3.connect(tmp_path / "shop.sqlite3", isolation_level=None)) as database:
        database.execute("PRAGMA journal_mode = WAL")
        database.execute("CREATE TABLE django_migrations (app, name)")
        database.execute("CREATE TABLE things (number INTEGER PRIMARY KEY)")
        database.execute("INSERT INTO things VALUES (1), (2)")
        yield database


@pytest.fixture
def engine(shop: sqlite3.Connection, tmp_path: Path) -> Sqlite:
    return Sqlite(f"sqlite:///{tmp_path / 'shop.sqlite3'}")


def copied(folder: Path) -> Sqlite:
    return Sqlite(f"sqlite:///{folder / sqlite.FILE}")


def test_what_is_counted_and_what_is_copied_are_of_one_moment(
    shop: sqlite3.Connection, engine: Sqlite, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = sqlite._migrations

    def add_and_read(database: sqlite3.Connection) -> dict[str, str]:
        shop.execute("INSERT INTO things VALUES (3)")
        return read(database)

    monkeypatch.setattr(sqlite, "_migrations", add_and_read)
    folder = tmp_path / "dump"
    folder.mkdir()
    assert engine.dump(folder).counts == {"django_migrations": 0, "things": 2}
    assert copied(folder).counts() == {"django_migrations": 0, "things": 2}
    assert engine.counts()["things"] == 3
    assert [file.name for file in folder.iterdir()] == [sqlite.FILE]


def test_those_who_have_the_file_open_see_what_was_loaded(
    shop: sqlite3.Connection, engine: Sqlite, tmp_path: Path
) -> None:
    folder = tmp_path / "dump"
    folder.mkdir()
    engine.dump(folder)
    shop.execute("DELETE FROM things")
    engine.load(folder)
    assert shop.execute("SELECT number FROM things").fetchall() == [(1,), (2,)]
    assert shop.execute("PRAGMA integrity_check").fetchall() == [("ok",)]


def test_a_database_that_is_not_there_is_not_made(tmp_path: Path) -> None:
    nothing = Sqlite(f"sqlite:///{tmp_path / 'nothing.sqlite3'}")
    assert nothing.counts() == {}
    with pytest.raises(BackupError, match="unable to open"):
        nothing.dump(tmp_path)
    assert list(tmp_path.iterdir()) == []
