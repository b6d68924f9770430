"""RESULTS.md: the table of a whole run, its plots, and what there is to say about missed marks."""

from __future__ import annotations

import json
import platform
import subprocess
import tomllib
from collections.abc import Iterable, Sequence
from pathlib import Path

from balrottuieo.supervisor.embedded_redis import redis_binary
from benchmarks.frame.plots import draw
from benchmarks.frame.rows import Report, Row
from benchmarks.frame.written import table_of
from benchmarks.sides.peers import PEERS, node_program
from benchmarks.table import markdown
from tests.services.postgres import postgres_program

HERE = Path(__file__).resolve().parents[1]
LEGEND = """\
Each row comes from a program of the same run, which starts the product and its peer, lets them
take turns, and checks what they did before it prints a number. Values are medians of the rounds;
a ratio is ours by the peer's; of two figures in one cell ours stands first. Servers, Redis,
database and load share the machine's cores, so that ratios say more than the numbers themselves."""
AGAIN = """\
`make bench` runs all of it and writes this page; `make bench ARGS="ingest solve"` only prints
these. Each program runs alone too, with options of its own: `python -m benchmarks.ingest --help`.
Five minutes of offers are `python -m benchmarks.offer_latency --minutes 5`."""


def write(machine: str, report: Report, directory: Path = HERE) -> None:
    """Write the page and its plots anew."""
    plots = draw(report, directory / "plots")
    parts = [
        "# Results", f"{machine}.", f"{', '.join(_versions())}.", LEGEND,
        markdown(table_of(report.rows)),
        *(f"![{plot.stem}]({plot.relative_to(directory)})" for plot in plots),
        "## Marks that are missed", *_missed(report.rows), "## Again", AGAIN,
    ]  # fmt: skip
    (directory / "RESULTS.md").write_text("\n\n".join(parts) + "\n")


def _missed(rows: Sequence[Row]) -> list[str]:
    """Say of each missed mark what ``notes.toml`` has about its path."""
    notes = tomllib.loads((HERE / "notes.toml").read_text())
    missed = [row.path for row in rows if row.met is False]
    return [f"**{path}.** {note(notes, path)}" for path in missed] or ["None."]


def note(notes: dict[str, str], path: str) -> str:
    """The note whose name the path begins with: one may explain several rows."""
    found = [text for name, text in notes.items() if path.startswith(name)]
    return found[0].strip() if found else "Not explained yet."


def _versions() -> Iterable[str]:
    yield f"Python {platform.python_version()}"
    yield f"Node.js {_said(node_program(), '--version')}"
    yield _said(str(redis_binary()), "--version").partition(" sha=")[0]
    yield _said(postgres_program("postgres"), "--version")
    locked: dict[str, dict[str, str]] = json.loads((PEERS / "package.json").read_text())
    yield from (f"{name} {version}" for name, version in locked["dependencies"].items())


def _said(*command: str) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
