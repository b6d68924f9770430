"""What must hold before anything starts: the port is free, and we are alone in this checkout."""

import errno
import fcntl
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from balrottuieo.supervisor.plan import BadPlan, Plan


def require_free_port(plan: Plan) -> None:
    """Raises BadPlan when another program listens there, or the address is not ours."""
    family = socket.AF_INET6 if ":" in plan.host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        # As uvicorn does: a socket in TIME_WAIT from the last run is not "taken".
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((plan.host, plan.port))
        except OSError as error:
            raise BadPlan(_refusal(plan, error)) from error


def _refusal(plan: Plan, error: OSError) -> str:
    if error.errno == errno.EADDRINUSE:
        other = plan.port + 1 if plan.port < 65535 else plan.port - 1
        return f"port {plan.port} is taken by another program; PORT={other} make run"
    return f"cannot listen on {plan.host}, port {plan.port}: {error.strerror or error}"


@contextmanager
def only_one_here(lock: Path, *, url: str) -> Iterator[None]:
    """Held while we run; the kernel lets go of it however we end.

    Raises BadPlan when another supervisor of this checkout holds it.
    """
    with lock.open("a+", encoding="utf-8") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            file.seek(0)
            raise BadPlan(f"this checkout is already running: {file.read().strip()}") from error
        file.truncate(0)
        file.write(f"{url}/ (process {os.getpid()}); stop that one first\n")
        file.flush()
        yield
