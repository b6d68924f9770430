"""What servers take of the machine, with the processes that they started."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import psutil

from tests.services import Service

MB = 1024**2


def memory_mb(servers: Sequence[Service]) -> float:
    """Return their resident memory."""
    return sum(int(process.memory_info().rss) for process in _processes(servers)) / MB


def cpu_s(servers: Sequence[Service]) -> float:
    """Return the processor seconds that they have used so far."""
    times = (process.cpu_times() for process in _processes(servers))
    return sum(float(each.user + each.system) for each in times)


def _processes(servers: Sequence[Service]) -> Iterator[psutil.Process]:
    for server in servers:
        process = psutil.Process(server.pid)
        yield from (process, *process.children(recursive=True))
