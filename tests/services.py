"""Real services for tests: each a child process on a free loopback port with its own directory.

They start in well under a second, work as root and as a plain user, and leave nothing behind.
"""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

import psycopg

from balrottuieo.supervisor.children import die_with_parent, kill_group
from balrottuieo.supervisor.embedded_redis import (
    free_port,
    redis_answers,
    redis_binary,
    redis_command,
)

START_SECONDS = 30.0
STOP_SECONDS = 10.0
LOG_TAIL = 2_000


class ServiceFailedError(Exception):
    """A service did not start; the text ends with what it wrote last."""


class Service:
    """One child process, its directory and its log.

    `start()` and `close()` it, or use it as a `with` block.
    """

    stop_signal = signal.SIGTERM

    def __init__(self) -> None:
        self.port = free_port()
        self.directory = Path(tempfile.mkdtemp(prefix=f"test-{type(self).__name__.lower()}-"))
        self._process: subprocess.Popen[bytes] | None = None

    def prepare(self) -> None:
        """What must be there before the first start."""

    def command(self) -> tuple[str, ...]:
        raise NotImplementedError

    def ready(self) -> bool:
        raise NotImplementedError

    def user(self) -> str | None:
        """Who runs it; None is whoever runs the tests."""
        return None

    def start(self) -> None:
        """Returns when it answers. After `kill()` it comes back on the same port.

        Raises ServiceFailedError with what it wrote last.
        """
        try:
            if not self.log.exists():
                self.prepare()
            self._wait_until_ready(self._launch())
        except BaseException:
            self.close()
            raise

    def kill(self) -> None:
        """As a crash would: SIGKILL, nothing said."""
        self._end(signal.SIGKILL)

    def close(self) -> None:
        self._end(self.stop_signal)
        shutil.rmtree(self.directory, ignore_errors=True)

    @property
    def log(self) -> Path:
        return self.directory / "log"

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _launch(self) -> subprocess.Popen[bytes]:
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                self.command(),
                cwd=self.directory,
                user=self.user(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                preexec_fn=die_with_parent,
            )
        return self._process

    def _end(self, number: signal.Signals) -> None:
        if self._process is None:
            return
        kill_group(self._process.pid, number)
        try:
            self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            kill_group(self._process.pid, signal.SIGKILL)
            self._process.wait()
        self._process = None

    def _wait_until_ready(self, process: subprocess.Popen[bytes]) -> None:
        deadline = time.monotonic() + START_SECONDS
        while not self.ready():
            if process.poll() is not None:
                raise ServiceFailedError(self._said(f"ended with code {process.returncode}"))
            if time.monotonic() > deadline:
                raise ServiceFailedError(self._said(f"did not answer in {START_SECONDS:g} s"))
            time.sleep(0.02)

    def _said(self, what: str) -> str:
        tail = self.log.read_text(errors="replace")[-LOG_TAIL:]
        return f"{type(self).__name__} on port {self.port} {what}:\n{tail}"


class RedisServer(Service):
    """As the embedded one: nothing is kept over a restart."""

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    def command(self) -> tuple[str, ...]:
        return redis_command(binary=redis_binary(), port=self.port, directory=self.directory)

    def ready(self) -> bool:
        return redis_answers(self.port)


class PostgresServer(Service):
    """A fresh cluster that trusts loopback. What is committed outlives `kill()`, not the machine.

    `url` names the database `postgres`, of the user `postgres`.
    """

    stop_signal = signal.SIGINT  # fast shutdown: closes the sessions that are open

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
            "fsync": "off",
            "full_page_writes": "off",
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


def wait_for(happened: Callable[[], bool], *, what: str, seconds: float = START_SECONDS) -> None:
    """Returns as soon as it happened. Raises TimeoutError naming `what` otherwise."""
    deadline = time.monotonic() + seconds
    while not happened():
        if time.monotonic() > deadline:
            raise TimeoutError(f"{what} did not happen in {seconds:g} s")
        time.sleep(0.05)
