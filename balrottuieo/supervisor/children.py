"""One child process: started in its own session, its output prefixed, stopped for certain."""

import ctypes
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping
from contextlib import suppress

from balrottuieo.supervisor.console import Console
from balrottuieo.supervisor.plan import ROOT, ChildPlan

PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None


def die_with_parent() -> None:
    """Runs in the child before exec: the kernel kills it when the supervisor is gone."""
    if _libc is not None:
        _libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def describe_exit(code: int) -> str:
    """`-9` reads "was killed by SIGKILL", `3` reads "ended with exit code 3"."""
    if code >= 0:
        return f"ended with exit code {code}"
    try:
        return f"was killed by {signal.Signals(-code).name}"
    except ValueError:
        return f"was killed by signal {-code}"


def kill_group(group: int, number: signal.Signals) -> None:
    """Signals every process of the group; a group that is gone is what we wanted."""
    with suppress(ProcessLookupError):
        os.killpg(group, number)


class Child:
    """A process of the plan. Start it from the main thread: the kernel watches that thread."""

    def __init__(self, plan: ChildPlan, *, env: Mapping[str, str], console: Console) -> None:
        self.plan = plan
        self._env = env
        self._console = console
        self._process: subprocess.Popen[str] | None = None

    @property
    def name(self) -> str:
        return self.plan.name

    def start(self) -> None:
        self._process = subprocess.Popen(
            self.plan.command,
            cwd=ROOT,
            env=self._env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            start_new_session=True,
            preexec_fn=die_with_parent,
        )
        threading.Thread(target=self._relay, args=(self._process,), daemon=True).start()

    def exit_code(self) -> int | None:
        """None while it runs, or before its first start."""
        return self._process.poll() if self._process else None

    def stop(self) -> None:
        """SIGTERM, the plan's grace, then SIGKILL for whatever is left of its group."""
        if self._process is None:
            return
        if self._process.poll() is None:
            kill_group(self._process.pid, signal.SIGTERM)
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(self.plan.grace)
        # Even when the leader ended well: whom it started may hold the port.
        kill_group(self._process.pid, signal.SIGKILL)
        self._process.wait()

    def _relay(self, process: subprocess.Popen[str]) -> None:
        if process.stdout is not None:
            with process.stdout as output:
                for line in output:
                    self._console.line(self.name, line.rstrip("\n"))
