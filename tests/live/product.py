"""The whole product, started by its supervisor in a fresh copy of the checkout."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType, TracebackType
from typing import Self

from balrottuieo.supervisor.embedded_redis import free_port
from tests.services import wait_for

ROOT = Path(__file__).resolve().parents[2]
NOT_COPIED = (".venv", ".git", "var", "mobile", "node_modules", "__pycache__", "tests", ".env")
# What the tests set for themselves must not reach a newcomer's machine.
NOT_PASSED_ON = ("DATABASE_URL", "REDIS_URL", "CELERY_BROKER_URL", "SANDBOX", "DEBUG", "EMAIL_URL")
STOP_SECONDS = 40.0


def copy_of_the_checkout(directory: Path) -> Path:
    """As a clone would be: no virtual environment, no database, nothing under var/."""
    shutil.copytree(ROOT, directory, ignore=shutil.ignore_patterns(*NOT_COPIED))
    return directory


def environment(**variables: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if name not in NOT_PASSED_ON}
    return {**kept, "ROBOTS": "0", **variables}


class Product:
    """One `make run`, without make. Ends with the `with` block."""

    def __init__(
        self,
        checkout: Path,
        *,
        port: int | None = None,
        variables: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        self.port = port or free_port()
        self.sockets_port = free_port()
        self.lines: list[str] = []
        self._process = subprocess.Popen(
            (sys.executable, "-m", "balrottuieo.supervisor"),
            cwd=checkout,
            env=environment(
                **{"PORT": str(self.port), "SOCKETS_PORT": str(self.sockets_port), **variables}
            ),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def sockets_url(self) -> str:
        return f"ws://127.0.0.1:{self.sockets_port}"

    @property
    def printed(self) -> str:
        return "\n".join(self.lines)

    def said(self, text: str, *, seconds: float = 60) -> None:
        """Waits for a line with this text. Raises TimeoutError with all that was printed."""
        try:
            wait_for(lambda: self._said_or_ended(text), what=f"“{text}”", seconds=seconds)
        except TimeoutError as error:
            raise TimeoutError(f"{error}:\n{self.printed}") from error
        assert text in self.printed, self.printed

    def children(self) -> dict[int, str]:
        """Process id and command line of each living child."""
        found = {}
        for stat in Path("/proc").glob("[0-9]*/stat"):
            try:
                state, parent = stat.read_text().rpartition(")")[2].split()[:2]
                command = (stat.parent / "cmdline").read_text().replace("\0", " ")
            except OSError:
                continue
            if int(parent) == self._process.pid and state != "Z":
                found[int(stat.parent.name)] = command
        return found

    def child(self, word: str) -> int:
        """The process id of the one child whose command line has this word."""
        (pid,) = (pid for pid, command in self.children().items() if f" {word} " in command)
        return pid

    def send(self, number: signal.Signals) -> int:
        """Signals the supervisor alone, and returns its exit code."""
        self._process.send_signal(number)
        return self.ended()

    def ended(self) -> int:
        """Waits for the end; everything printed is then in `lines`."""
        code = self._process.wait(STOP_SECONDS)
        self._reader.join(STOP_SECONDS)
        return code

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._process.poll() is None:
            self.send(signal.SIGTERM)
        if self._process.stdout is not None:
            self._process.stdout.close()

    def _said_or_ended(self, text: str) -> bool:
        return text in self.printed or self._process.poll() is not None

    def _read(self) -> None:
        for line in self._process.stdout or ():
            self.lines.append(line.rstrip("\n"))


def alive(pid: int) -> bool:
    """False for a process that is gone or only waits to be buried."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
