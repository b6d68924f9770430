"""Which database an address means, and what must never be said of it."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from deploy.backups.engine import BackupError
from deploy.backups.engines import chosen_engine
from deploy.backups.postgresql import Postgresql
from deploy.backups.sqlite import Sqlite

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize(
    ("url", "name", "where"),
    [
        ("sqlite:////srv/the%20db.sqlite3", "sqlite", "/srv/the db.sqlite3"),
        ("postgres://me:s3cret@db.example/shop", "postgresql", "shop at db.example:5432"),
        ("postgresql://db.example:6432/shop", "postgresql", "shop at db.example:6432"),
        ("mongodb://me:s3cret@a,b:27018/shop?w=1", "mongodb", "shop at a:27017,b:27018"),
    ],
)
def test_the_address_alone_chooses(
    url: str, name: str, where: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", url)
    engine = chosen_engine()
    assert (engine.name, engine.where) == (name, where)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "mysql://me:s3cret@db.example/shop",
        "sqlite://",
        "postgres://me:s3cret%zz@db.example/shop",
        "postgres://me:s3cret@db.example/shop?s3cret=1",
        "mongodb://me:s3cret@x@db.example/shop",
        "mongodb://me:s3cret@db.example",
    ],
)
def test_a_wrong_address_is_refused_without_being_repeated(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", url)
    with pytest.raises(BackupError) as refused:
        chosen_engine()
    assert "s3cret" not in str(refused.value)


def test_the_relative_path_of_a_file_is_taken_from_here() -> None:
    assert Sqlite("sqlite:///var/db.sqlite3").where == str(Path.cwd() / "var/db.sqlite3")


def test_programs_of_postgresql_hear_the_password_from_the_environment_alone() -> None:
    heard = Postgresql("postgres://me:s3cret@db.example/shop?sslmode=require").environment()
    assert heard == {
        "PGUSER": "me", "PGPASSWORD": "s3cret", "PGHOST": "db.example", "PGDATABASE": "shop",
        "PGSSLMODE": "require", "PGCONNECT_TIMEOUT": "10",
    }  # fmt: skip


def test_a_server_that_is_not_there_is_one_line(tmp_path: Path) -> None:
    environment = {**os.environ, "DATABASE_URL": "postgres://me:s3cret@127.0.0.1:1/shop"}
    done = subprocess.run(
        ("deploy/backup", tmp_path), cwd=ROOT, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 1
    assert done.stdout == ""
    assert "error: connection failed" in done.stderr
    assert "s3cret" not in done.stderr
    assert "Traceback" not in done.stderr
    assert list(tmp_path.iterdir()) == []
