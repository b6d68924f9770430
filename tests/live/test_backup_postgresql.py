"""What only PostgreSQL has: two programs and a script, which together must be one step."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from deploy.backups.postgresql import Postgresql
from tests.live.backups import BACKUP, RESTORE, done, refused, run
from tests.services import PostgresServer

pytestmark = [pytest.mark.live, pytest.mark.once]

SHOP = """
CREATE TABLE django_migrations (app text, name text);
CREATE TABLE things (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, name text UNIQUE);
CREATE TABLE wishes (thing bigint REFERENCES things);
INSERT INTO things (name) VALUES ('one'), ('two');
INSERT INTO wishes VALUES (1);
"""
IN_THE_WAY = "DROP TABLE wishes; CREATE SEQUENCE wishes;"


@pytest.fixture(scope="module")
def server() -> Iterator[PostgresServer]:
    with PostgresServer() as running:
        yield running


@pytest.fixture
def url(server: PostgresServer) -> Iterator[str]:
    with psycopg.connect(server.url, autocommit=True) as connection:
        connection.execute("CREATE DATABASE shop")
        yield server.url.removesuffix("postgres") + "shop"
        connection.execute("DROP DATABASE shop WITH (FORCE)")


def tell(url: str, what: str) -> None:
    with psycopg.connect(url) as connection:
        connection.execute(what.encode())


def take(url: str, shelf: Path) -> Path:
    return Path(done(run(BACKUP, shelf, url=url)).strip())


def test_a_script_that_fails_half_way_has_changed_nothing(url: str, shelf: Path) -> None:
    tell(url, SHOP)
    packed = take(url, shelf)
    tell(url, IN_THE_WAY)  # not a table: the restore finds its name taken
    assert refused(run(RESTORE, "--replace", packed, url=url)) == (
        "error: psql ended with exit code 3."
    )
    assert Postgresql(url).counts() == {"django_migrations": 0, "things": 2}

    tell(url, "DROP SEQUENCE wishes")
    done(run(RESTORE, "--replace", packed, url=url))
    assert Postgresql(url).counts() == {"django_migrations": 0, "things": 2, "wishes": 1}


def test_tables_newer_than_the_backup_are_gone_and_keys_count_on(url: str, shelf: Path) -> None:
    tell(url, SHOP)
    packed = take(url, shelf)
    tell(url, "CREATE TABLE newer (thing bigint REFERENCES things); DELETE FROM wishes")
    done(run(RESTORE, "--replace", packed, url=url))
    assert Postgresql(url).counts() == {"django_migrations": 0, "things": 2, "wishes": 1}
    with psycopg.connect(url) as connection:
        again = "INSERT INTO things (name) VALUES ('three') RETURNING id"
        assert connection.execute(again).fetchone() == (3,)
        with pytest.raises(psycopg.errors.UniqueViolation):
            connection.execute(again)
