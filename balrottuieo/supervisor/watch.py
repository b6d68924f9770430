"""Keeps the children alive, and gives up plainly when one cannot live."""

from collections import deque
from time import monotonic

from balrottuieo.supervisor.children import Child, describe_exit
from balrottuieo.supervisor.console import Console

RESTARTS = 5
WINDOW_SECONDS = 60.0
PAUSE_SECONDS = 1.0


class GaveUp(Exception):
    """A child died more often than a restart can mend; the text says which."""


class RestartBudget:
    """At most `RESTARTS` restarts in any `WINDOW_SECONDS`."""

    def __init__(self) -> None:
        self._times: deque[float] = deque()

    def spend(self, now: float) -> bool:
        """False when the budget is gone."""
        while self._times and self._times[0] <= now - WINDOW_SECONDS:
            self._times.popleft()
        if len(self._times) >= RESTARTS:
            return False
        self._times.append(now)
        return True


class Watch:
    """The children in starting order; they are stopped in the opposite order."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._children: list[Child] = []
        self._budgets: dict[str, RestartBudget] = {}
        self._restart_at: dict[str, float] = {}

    def start(self, child: Child) -> None:
        self._children.append(child)
        self._budgets[child.name] = RestartBudget()
        child.start()

    def tick(self) -> None:
        """Notices deaths and starts what is due. Raises GaveUp when a child keeps dying."""
        now = monotonic()
        for child in self._children:
            if child.name in self._restart_at:
                self._restart_if_due(child, now)
            elif (code := child.exit_code()) is not None:
                self._mourn(child, code, now)

    def stop_all(self) -> None:
        for child in reversed(self._children):
            child.stop()

    def _mourn(self, child: Child, code: int, now: float) -> None:
        # A dead leader may leave members of its group behind, holding the port.
        child.stop()
        what = f"{child.name} {describe_exit(code)}"
        if not self._budgets[child.name].spend(now):
            raise GaveUp(f"{what}, the {RESTARTS + 1}th time within a minute: stopping everything")
        self._console.say(f"{what}: starting it again in {PAUSE_SECONDS:g} s")
        self._restart_at[child.name] = now + PAUSE_SECONDS

    def _restart_if_due(self, child: Child, now: float) -> None:
        if now >= self._restart_at[child.name]:
            del self._restart_at[child.name]
            child.start()
            self._console.say(f"{child.name} is started again")
