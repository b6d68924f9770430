"""Run the whole suite on each database, and say in one line for each how it went.

``python -m tests.matrix [ENGINE …]``: sqlite, postgresql, mongodb; all three when none is named.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import NamedTuple, Self

ROOT = Path(__file__).resolve().parents[1]
ENGINES = ("sqlite", "postgresql", "mongodb")
TWO_AT_ONCE = ("-n", "2", "-m", "not races and not live")


class Counts(NamedTuple):
    """What one or more runs of pytest say they did."""

    tests: int = 0
    failed: int = 0
    skipped: int = 0

    @property
    def passed(self) -> int:
        return self.tests - self.failed - self.skipped

    @classmethod
    def read(cls, report: Path) -> Self:
        """Read pytest's JUnit report; one that was never written counts as a failure."""
        if not report.exists():
            return cls(tests=1, failed=1)
        suites = ET.parse(report).getroot().iter("testsuite")  # noqa: S314
        said = [
            {name: int(suite.get(name, 0)) for name in ("tests", "failures", "errors", "skipped")}
            for suite in suites
        ]
        return cls(
            tests=sum(each["tests"] for each in said),
            failed=sum(each["failures"] + each["errors"] for each in said),
            skipped=sum(each["skipped"] for each in said),
        )

    def plus(self, other: Counts) -> Counts:
        return Counts(*(sum(pair) for pair in zip(self, other, strict=True)))


def one_by_one(engine: str, *, first: bool) -> tuple[str, ...]:
    """What needs the machine to itself; what brings all its servers runs with the first engine."""
    races = "races and not control" if engine == "sqlite" else "races"
    chosen = f"live or ({races})"
    return ("-m", chosen if first else f"({chosen}) and not once")


def run(engine: str, *, first: bool) -> tuple[Counts, bool]:
    """Run everything on one engine; return the counts, and whether pytest was content."""
    counts, content = Counts(), True
    for number, chosen in enumerate((TWO_AT_ONCE, one_by_one(engine, first=first))):
        report = ROOT / "var" / f"tests-{engine}-{number}.xml"
        report.unlink(missing_ok=True)
        command = (sys.executable, "-m", "pytest", *chosen, f"--junitxml={report}")
        print(f"\n--- {engine}: {' '.join(chosen)}", flush=True)
        done = subprocess.run(command, cwd=ROOT, env={**os.environ, "TEST_DB": engine}, check=False)
        counts = counts.plus(Counts.read(report))
        content = content and done.returncode == 0
    return counts, content


def main(asked: list[str]) -> int:
    """Return the exit code: 0 when every engine's run was whole and green."""
    if unknown := set(asked) - set(ENGINES):
        print(f"no such database: {', '.join(sorted(unknown))}; there are {', '.join(ENGINES)}")
        return 2
    engines, lines, green = asked or ENGINES, [], True
    for engine in engines:
        begun = time.monotonic()
        counts, content = run(engine, first=engine == engines[0])
        green = green and content and not counts.failed and not counts.skipped
        lines.append(
            f"{engine:<11}{counts.passed:>6} passed, {counts.failed} failed,"
            f" {counts.skipped} skipped in {time.monotonic() - begun:.0f} s"
        )
    print("", *lines, sep="\n")
    return 0 if green else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
