"""The product's own servers, as the supervisor plans them, and a process that knows its models."""

from __future__ import annotations

import multiprocessing
import os
import signal
import socket
from collections.abc import Mapping
from concurrent.futures import Future, ProcessPoolExecutor
from types import TracebackType
from typing import Any, Self

from balrottuieo.supervisor.plan import ROOT, ChildPlan, child_plans, plan_from
from benchmarks import child
from tests.services import Service

WEB, SOCKETS = "web", "web"


class Server(Service):
    """One child of ``make run``, found by its name in the plan."""

    start_seconds = 60.0
    stop_signal = signal.SIGKILL  # what was measured is over: no farewell to thousands of sockets

    def __init__(self, name: str, environment: Mapping[str, str]) -> None:
        super().__init__()
        self._name, self._environment = name, dict(environment)

    def command(self) -> tuple[str, ...]:
        plans = _plans({**self._environment, "PORT": str(self.port)})
        return next(plan.command for plan in plans if plan.name == self._name)

    def environment(self) -> dict[str, str]:
        return {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), **self._environment}

    def ready(self) -> bool:
        """As soon as it runs, for what it does shows elsewhere."""
        return True


class Listening(Server):
    """One that listens; it is ready when somebody is at its port."""

    def ready(self) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0


def background(environment: Mapping[str, str]) -> list[Server]:
    """All children that do not listen: workers, and the beat."""
    names = [plan.name for plan in _plans(environment) if plan.name not in {WEB, SOCKETS}]
    return [Server(name, environment) for name in names]


def _plans(environment: Mapping[str, str]) -> list[ChildPlan]:
    return child_plans(plan_from(environment, ["--no-robots"]))


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
