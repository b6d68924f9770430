"""The benchmarks run, do what they measure on every database, and say so in a whole table."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.engines import ENGINES
from benchmarks.operations import OPERATIONS

pytestmark = [pytest.mark.live, pytest.mark.once, pytest.mark.timeout(300)]
ROOT = Path(__file__).resolve().parents[2]
SHORT = ("--rounds", "1", "--times", "1", "--markdown")
CELL = re.compile(r"[\d.]+ / [\d.]+( · [\d.]+/s)?( \(×[\d.]+\))?")


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
