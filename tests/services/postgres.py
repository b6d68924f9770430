"""PostgreSQL, the newest that is installed."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
from collections.abc import Mapping
from pathlib import Path

import psycopg

from tests.services.base import Service, ServiceFailedError


class PostgresServer(Service):
    """A fresh cluster that trusts loopback. What is committed outlives `kill()`.

    `durable`: it outlives the machine too, at the price of a real one.
    `url` names the database `postgres`, of the user `postgres`.
    """

    stop_signal = signal.SIGINT  # fast shutdown: closes the sessions that are open

    def __init__(self, *, durable: bool = False) -> None:
        super().__init__()
        self._durable = "on" if durable else "off"

    @property
    def url(self) -> str:
        return f"postgres://postgres@127.0.0.1:{self.port}/postgres"

    def user(self) -> str | None:
        return "postgres" if os.getuid() == 0 else None  # it refuses to run as root

    def prepare(self) -> None:
        if user := self.user():
            os.chown(self.directory, pwd.getpwnam(user).pw_uid, -1)
        options = ("-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8", "--no-sync")
        done = subprocess.run(
            (postgres_program("initdb"), "-D", str(self._data), *options),
            cwd=self.directory,
            user=self.user(),
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise ServiceFailedError(f"initdb failed:\n{done.stdout}{done.stderr}")

    def command(self) -> tuple[str, ...]:
        settings: Mapping[str, str] = {
            "listen_addresses": "127.0.0.1",
            "fsync": self._durable,
            "full_page_writes": self._durable,
        }
        where = ("-D", str(self._data), "-p", str(self.port), "-k", str(self.directory))
        chosen = (word for name, value in settings.items() for word in ("-c", f"{name}={value}"))
        return (postgres_program("postgres"), *where, *chosen)

    def ready(self) -> bool:
        try:
            psycopg.connect(self.url, connect_timeout=2).close()
        except psycopg.OperationalError:
            return False
        return True

    @property
    def _data(self) -> Path:
        return self.directory / "data"


def postgres_program(name: str) -> str:
    """Debian keeps them out of PATH, one directory a version: the newest is taken."""
    found = sorted(
        Path("/usr/lib/postgresql").glob(f"*/bin/{name}"),
        key=lambda path: float(path.parts[-3]),
    )
    program = str(found[-1]) if found else shutil.which(name)
    if program is None:
        raise ServiceFailedError(f"there is no {name}: apt-get install postgresql")
    return program
