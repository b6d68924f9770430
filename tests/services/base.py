"""One real service for tests: a child process on a free loopback port with its own directory."""

from __future__ import annotations

import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Self

from balrottuieo.supervisor.children import die_with_parent, kill_group
from balrottuieo.supervisor.embedded_redis import free_port

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
    start_seconds = START_SECONDS

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

    def workplace(self) -> Path:
        """Where it runs."""
        return self.directory

    def environment(self) -> dict[str, str] | None:
        """The variables it sees; None is those of the tests."""
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

    def freeze(self) -> None:
        """It does nothing more, while its connections stay open; until `thaw()`."""
        self.send(signal.SIGSTOP)

    def thaw(self) -> None:
        self.send(signal.SIGCONT)

    def send(self, number: signal.Signals) -> None:
        assert self._process is not None, "not started"
        kill_group(self._process.pid, number)

    def ended(self) -> int:
        """Wait for its end, and return its exit code."""
        assert self._process is not None, "not started"
        return self._process.wait(START_SECONDS)

    def close(self) -> None:
        self._end(self.stop_signal)
        shutil.rmtree(self.directory, ignore_errors=True)

    @property
    def log(self) -> Path:
        return self.directory / "log"

    @property
    def pid(self) -> int:
        assert self._process is not None, "not started"
        return self._process.pid

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
                cwd=self.workplace(),
                env=self.environment(),
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
        deadline = time.monotonic() + self.start_seconds
        while not self.ready():
            if process.poll() is not None:
                raise ServiceFailedError(self._said(f"ended with code {process.returncode}"))
            if time.monotonic() > deadline:
                raise ServiceFailedError(self._said(f"did not answer in {self.start_seconds:g} s"))
            time.sleep(0.02)

    def _said(self, what: str) -> str:
        tail = self.log.read_text(errors="replace")[-LOG_TAIL:]
        return f"{type(self).__name__} on port {self.port} {what}:\n{tail}"


def wait_for(happened: Callable[[], bool], *, what: str, seconds: float = START_SECONDS) -> None:
    """Returns as soon as it happened. Raises TimeoutError naming `what` otherwise."""
    deadline = time.monotonic() + seconds
    while not happened():
        if time.monotonic() > deadline:
            raise TimeoutError(f"{what} did not happen in {seconds:g} s")
        time.sleep(0.05)
