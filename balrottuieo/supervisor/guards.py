"""What must hold before anything starts: the ports are free, and we are alone in this checkout."""

import errno
import fcntl
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from balrottuieo.supervisor.plan import LAST_PORT, BadPlan, Plan


def require_free_ports(plan: Plan) -> None:
    """Raises BadPlan when another program listens on one, or the address is not ours."""
    _require_free(plan.host, plan.port, variable="PORT")
    _require_free(plan.host, plan.sockets_port, variable="SOCKETS_PORT")


def _require_free(host: str, port: int, *, variable: str) -> None:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        # As the servers do: a socket in TIME_WAIT from the last run is not "taken".
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise BadPlan(_refusal(host, port, variable, error)) from error


def _refusal(host: str, port: int, variable: str, error: OSError) -> str:
    if error.errno != errno.EADDRINUSE:
        return f"cannot listen on {host}, port {port}: {error.strerror or error}"
    other = port + 1 if port < LAST_PORT else port - 1
    whose = {"PORT": f"port {port}", "SOCKETS_PORT": f"port {port}, for the WebSockets,"}
    return f"{whose[variable]} is taken by another program; {variable}={other} make run"


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
