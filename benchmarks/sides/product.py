"""The product's own servers, as the supervisor plans them, and a process that knows its models."""

from __future__ import annotations

import multiprocessing
import os
import signal
import socket
from collections.abc import Mapping
from concurrent.futures import Future, ProcessPoolExecutor
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from balrottuieo.supervisor.plan import (
    ROOT,
    beat_command,
    sockets_command,
    web_command,
    worker_command,
)
from benchmarks import child
from tests.services import Service

HOST = "127.0.0.1"


class Server(Service):
    """One of the product's processes; ready as soon as it runs: what it does shows elsewhere."""

    start_seconds = 60.0
    stop_signal = signal.SIGKILL  # what was measured is over: no farewell to thousands of sockets

    def __init__(self, environment: Mapping[str, str]) -> None:
        super().__init__()
        self._environment = dict(environment)

    def workplace(self) -> Path:
        return ROOT

    def environment(self) -> dict[str, str]:
        return {"PATH": os.environ["PATH"], **self._environment}

    def ready(self) -> bool:
        return True


class Listening(Server):
    """One that listens; it is ready when somebody is at its port."""

    def ready(self) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex((HOST, self.port)) == 0


class Web(Listening):
    """REST, in one process: what one core gives is what is compared."""

    def command(self) -> tuple[str, ...]:
        return web_command(HOST, self.port)

    def environment(self) -> dict[str, str]:
        return {**super().environment(), "WEB_PROCESSES": "1"}


class Sockets(Listening):
    """The WebSockets, in one process."""

    def command(self) -> tuple[str, ...]:
        return sockets_command(HOST, self.port)


class Worker(Server):
    """All queues' worker."""

    def command(self) -> tuple[str, ...]:
        return worker_command()


class Beat(Server):
    """The clock that starts the sweeps."""

    def command(self) -> tuple[str, ...]:
        return beat_command(self.directory)


class Inside:
    """One process of the product, its tables made: what needs models is asked for by its name."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._process = ProcessPoolExecutor(
            max_workers=1,
            mp_context=multiprocessing.get_context("spawn"),
            initializer=child.begin,
            initargs=(dict(environment),),
        )

    def ask(self, what: str, *arguments: Any) -> Any:
        """Call ``what``, as "city.hire", beside this module over there; raise what it raises."""
        return self.begin(what, *arguments).result()

    def begin(self, what: str, *arguments: Any) -> Future[Any]:
        """The same, without waiting for the answer."""
        return self._process.submit(child.call, f"benchmarks.sides.{what}", arguments)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._process.shutdown()
