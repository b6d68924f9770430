"""The benchmarks run, do what they measure, and say so in whole rows.

Each program compares what was done with what was asked for and prints nothing otherwise: positions
in Redis and in trails, offers and their messages, answers of both sides, the audit.
"""

from __future__ import annotations

import math
import re
import subprocess
import sys
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import msgspec
import pytest

from benchmarks.__main__ import PROGRAMS
from benchmarks.engines import ENGINES
from benchmarks.frame.rows import Figure, Report
from benchmarks.meals.town import write_town
from benchmarks.operations import OPERATIONS

pytestmark = [pytest.mark.live, pytest.mark.once, pytest.mark.timeout(600)]
ROOT = Path(__file__).resolve().parents[2]
SHORT = ("--rounds", "1", "--times", "1", "--markdown")
CELL = re.compile(r"[\d.]+ / [\d.]+( · [\d.]+/s)?( \(×[\d.]+\))?")
# The least that each program can measure, and how many rows it has.
LEAST: dict[str, tuple[str, int]] = {
    "hot_list": ("--rounds 1 --people 12 --lines 2 --seconds 0.3", 4),
    "ingest": ("--rounds 1 --sockets 6 --seconds 0.3 --rate 50", 2),
    "follow": ("--rounds 1 --pairs 3 --seconds 0.3 --rate 20", 2),
    "broadcast": ("--rounds 1 --watchers 8 --messages 3", 2),
    "sockets": ("--sockets 6 --every 0.5 --seconds 0.5", 3),
    "offer_latency": ("--runners 40 --sockets 30 --half 500 --posts 4 --seconds 2 --settle 3", 4),
    "solve": ("--rounds 1 --share 0.05", 8),
    "candidates": ("--rounds 1 --runners 2000 --errands 60 --asked 30", 2),
    "decisions": ("--rounds 1 --errands 6 --runners 400 --jobs 50", 1),
    "growth": ("--rounds 1 --most 3000", 5),
    "deliveries": ("--instances {towns}", 3),
    "transfers": ("--rounds 1 --writers 4 --seconds 0.3 --confirms 1", 6),
}  # fmt: skip


class Run(NamedTuple):
    """How a program ended, what it said, and the rows it left."""

    code: int
    said: str
    report: Report | None


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Run]:
    """All programs, two at a time: most of each is waiting for its servers."""
    directory = tmp_path_factory.mktemp("rows")
    write_town(directory / "towns" / "evening", seed=1, orders=8)
    with ThreadPoolExecutor(2) as pool:
        return dict(zip(LEAST, pool.map(lambda name: run(name, directory), LEAST), strict=True))


def run(name: str, directory: Path) -> Run:
    kept = directory / f"{name}.json"
    least = LEAST[name][0].format(towns=directory / "towns")
    done = subprocess.run(
        (sys.executable, "-m", f"benchmarks.{name}", "--json", str(kept), *least.split()),
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    report = msgspec.json.decode(kept.read_bytes(), type=Report) if kept.exists() else None
    return Run(done.returncode, done.stdout + done.stderr, report)


def test_every_program_is_tried() -> None:
    assert set(LEAST) == set(PROGRAMS)


@pytest.mark.parametrize("name", LEAST)
def test_a_program_measures_what_it_did(name: str, runs: Mapping[str, Run]) -> None:
    code, said, report = runs[name]
    assert code == 0, said
    assert report is not None
    assert len(report.rows) == LEAST[name][1]
    for row in report.rows:
        assert row.path in said
        assert is_measured(row.ours), row
        assert row.peer is None or is_measured(row.peer), row
        assert row.mark is None or row.met in {True, False}


def is_measured(side: Figure) -> bool:
    ordered = side.p50_ms is None or side.p99_ms is None or 0 < side.p50_ms <= side.p99_ms
    return math.isfinite(side.value) and ordered


def test_growth_is_drawn_over_every_size(runs: Mapping[str, Run]) -> None:
    report = runs["growth"].report
    assert report is not None, runs["growth"].said
    assert [curve.x for curve in report.curves] == [[1_000, 3_000]] * len(report.curves)
    assert all(min(curve.y) > 0 for curve in report.curves)


def test_every_database_has_a_number_for_every_operation() -> None:
    done = subprocess.run(
        (sys.executable, "-m", "benchmarks.databases", *SHORT),
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    told = [line for line in done.stdout.splitlines() if line and not line.startswith("|")]
    assert [line.split(" ")[0] for line in told[1:4]] == [engine.name for engine in ENGINES]
    head, _rule, *body = (
        line.strip("| ").split(" | ") for line in done.stdout.splitlines() if line.startswith("|")
    )
    assert head == ["Operation", "n", *(engine.name for engine in ENGINES)]
    assert [title for title, *_cells in body] == [each.title for each in OPERATIONS]
    assert all(CELL.fullmatch(cell) for _title, _n, *cells in body for cell in cells), body
