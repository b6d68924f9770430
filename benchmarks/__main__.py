"""Run the programs one after the other, print one table and write it down with its plots.

``python -m benchmarks`` runs all, ``python -m benchmarks ingest solve`` these. Each is a process
of its own; one that fails costs its own rows only, and the exit code.
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import msgspec

from benchmarks.frame import results
from benchmarks.frame.rows import Report
from benchmarks.frame.written import table_of
from benchmarks.machine import description
from benchmarks.table import plain

PROGRAMS = (
    "hot_list", "ingest", "follow", "broadcast", "sockets", "offer_latency", "solve",
    "candidates", "decisions", "growth", "deliveries", "transfers",
)  # fmt: skip


def main(names: Sequence[str]) -> int:
    """Return the exit code: 0 when every program ran to its end, whatever it found."""
    if unknown := set(names) - set(PROGRAMS):
        print(f"no benchmark {', '.join(sorted(unknown))}; there are {', '.join(PROGRAMS)}")
        return 2
    chosen = [name for name in PROGRAMS if name in names or not names]
    machine = description()
    reports = [(name, _run(name)) for name in chosen]
    rows = [row for _name, report in reports if report for row in report.rows]
    curves = [curve for _name, report in reports if report for curve in report.curves]
    print(plain(table_of(rows)))
    if not names:
        results.write(machine, Report(rows, curves))
    failed = [name for name, report in reports if report is None]
    print(*(f"{name} failed" for name in failed), sep="\n")
    return 1 if failed else 0


def _run(name: str) -> Report | None:
    """Run one program in a process of its own; None when it failed, which it has said."""
    begun = time.monotonic()
    with TemporaryDirectory() as directory:
        kept = Path(directory) / "rows.json"
        command = (sys.executable, "-m", f"benchmarks.{name}", "--json", str(kept))
        done = subprocess.run(command, stdout=subprocess.DEVNULL, check=False)
        print(f"{name}: {time.monotonic() - begun:.0f} s", file=sys.stderr, flush=True)
        return None if done.returncode else msgspec.json.decode(kept.read_bytes(), type=Report)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
