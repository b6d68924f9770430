"""Where it was measured: without it the numbers say little."""

from __future__ import annotations

import os
import platform
import statistics
from datetime import UTC, datetime
from pathlib import Path
from tempfile import NamedTemporaryFile

import django

from benchmarks.timing import milliseconds

GIB = 1024**3
BLOCK = b"x" * 4096
SYNCS = 50


def description() -> str:
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / GIB
    busy, *_longer = os.getloadavg()
    return (
        f"{datetime.now(UTC):%Y-%m-%d}, {os.cpu_count()} × {_processor()}, {memory:.0f} GiB,"
        f" {platform.system()}; load before the start {busy:.1f};"
        f" one fsync takes {_fsync_ms():.2f} ms;"
        f" Python {platform.python_version()}, Django {django.get_version()}"
    )


def _processor() -> str:
    found = Path("/proc/cpuinfo")
    lines = found.read_text().splitlines() if found.exists() else []
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.machine())


def _fsync_ms() -> float:
    """Where the servers keep their data: what it costs there to put 4 KiB on the disk."""
    with NamedTemporaryFile(buffering=0) as file:

        def sync() -> None:
            file.write(BLOCK)
            os.fsync(file.fileno())

        return statistics.median(milliseconds(sync) for _number in range(SYNCS))
