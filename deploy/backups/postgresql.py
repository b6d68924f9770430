"""PostgreSQL: its own pg_dump, pg_restore and psql, told what to do through the environment."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import psycopg
from psycopg import pq, sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from deploy.backups.engine import LOCK_PATIENCE_S, PATIENCE_S, BackupError, Facts

FILE = "database.dump"
TABLES = "SELECT tablename FROM pg_tables WHERE schemaname = current_schema() ORDER BY tablename"
DEBIAN = Path("/usr/lib/postgresql")

Connection = psycopg.Connection[tuple[Any, ...]]


class Postgresql:
    name = "postgresql"

    def __init__(self, url: str) -> None:
        try:
            given = conninfo_to_dict(url)
        except psycopg.ProgrammingError:  # its text may quote the password
            raise BackupError("DATABASE_URL is not an address of PostgreSQL.") from None
        self._parameters = {"connect_timeout": str(PATIENCE_S)} | {
            name: str(value) for name, value in given.items()
        }

    @property
    def where(self) -> str:
        given = self._parameters
        return f"{given.get('dbname', '')} at {given.get('host', '')}:{given.get('port', '5432')}"

    def counts(self) -> dict[str, int]:
        with self._connected() as connection:
            return _counts(connection)

    def dump(self, folder: Path) -> Facts:
        with self._connected() as connection:
            connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
            connection.read_only = True
            # The dump may take longer than a server lets a transaction rest.
            connection.execute("SET LOCAL idle_in_transaction_session_timeout = 0")
            facts = Facts(
                server=f"PostgreSQL {connection.info.parameter_status('server_version')}",
                counts=_counts(connection),
                migrations=_migrations(connection),
            )
            ((snapshot,),) = connection.execute("SELECT pg_export_snapshot()")
            self._run(
                "pg_dump",
                "--format=custom",
                "--compress=0",  # the archive around it is compressed
                f"--snapshot={snapshot}",
                f"--lock-wait-timeout={LOCK_PATIENCE_S}s",
                f"--file={folder / FILE}",
            )
        return facts

    def load(self, folder: Path) -> None:
        before, script = folder / "before.sql", folder / "restore.sql"
        owner = ("--no-owner", "--no-privileges")  # belongs to whoever restores it
        # Written out first: psql commits what it has got, were pg_restore to die in a pipe.
        self._run("pg_restore", *owner, f"--file={script}", str(folder / FILE))
        before.write_text(self._drop_tables(), encoding="utf-8")
        whole = ("--single-transaction", "--set=ON_ERROR_STOP=1", "--no-psqlrc", "--quiet")
        self._run("psql", *whole, f"--file={before}", f"--file={script}")
        with self._connected() as connection:
            connection.execute("ANALYZE")  # or queries are planned blindly for some minutes

    def _drop_tables(self) -> str:
        with self._connected() as connection:
            names = [sql.Identifier(name) for (name,) in connection.execute(TABLES)]
            patience = sql.SQL("SET LOCAL lock_timeout = {};\n").format(f"{LOCK_PATIENCE_S}s")
            drop = sql.SQL("DROP TABLE {} CASCADE;\n").format(sql.SQL(", ").join(names))
            return (patience + drop).as_string(connection) if names else ""

    def _connected(self) -> Connection:
        return psycopg.connect(make_conninfo(**self._parameters))

    def _run(self, name: str, *arguments: str) -> None:
        with self._connected() as connection:
            program = _program(name, server=connection.info.server_version // 10_000)
        done = subprocess.run(
            (program, *arguments),
            env={**os.environ, **self.environment()},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            check=False,
        )
        if done.returncode:
            raise BackupError(f"{name} ended with exit code {done.returncode}.")

    def environment(self) -> dict[str, str]:
        """Every part of the address as the variable that libpq reads for it."""
        known = {option.keyword.decode(): option.envvar for option in pq.Conninfo.get_defaults()}
        return {
            variable.decode(): value
            for name, value in self._parameters.items()
            if (variable := known[name])
        }


def _program(name: str, *, server: int) -> str:
    """Find the oldest program that is not older than the server.

    An older one refuses to work, a newer one may write what the server does not understand.
    """
    found = {int(path.parts[-3]): path for path in DEBIAN.glob(f"[0-9][0-9]/bin/{name}")}
    fitting = [version for version in found if version >= server]
    program = str(found[min(fitting)]) if fitting else shutil.which(name)
    if program is None:
        raise BackupError(f"There is no {name}: apt-get install postgresql-client")
    return program


def _counts(connection: Connection) -> dict[str, int]:
    return {name: _count(connection, name) for (name,) in connection.execute(TABLES).fetchall()}


def _count(connection: Connection, table: str) -> int:
    query = sql.SQL("SELECT count(*) FROM {}").format(sql.Identifier(table))
    ((rows,),) = connection.execute(query)
    return int(rows)


def _migrations(connection: Connection) -> dict[str, str]:
    rows = connection.execute("SELECT app, max(name) FROM django_migrations GROUP BY app")
    return dict(rows.fetchall())
