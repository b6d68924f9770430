"""The same operations on SQLite, PostgreSQL and MongoDB, each a real server on loopback.

``python -m benchmarks.databases``: three minutes at most on two cores that have nothing else to
do. Each round does everything on every engine, so that what disturbs hits them all. Nothing is
printed of a run that did not do what it should, or after which the audit finds anything.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack
from typing import NamedTuple, TypeVar

from benchmarks import child
from benchmarks.engines import ENGINES, running
from benchmarks.machine import description
from benchmarks.table import Round, lines, markdown, plain

T = TypeVar("T")

ENOUGH_S = 120  # no further round begins after that

LEGEND = (
    "In ms, p50 / p99 (of fewer than a hundred, p99 is the slowest). × compares with SQLite: by"
    " what is done a second where that stands, where more is better; else by p50, where less is."
    " Product, Redis and server share the machine."
)


class Bench(NamedTuple):
    """An engine's name, and the process that works on it."""

    name: str
    process: ProcessPoolExecutor


class Options(NamedTuple):
    rounds: int
    times: int | None
    markdown: bool


class Run(NamedTuple):
    """All that was measured, and by engine its version and what the audit found."""

    rows: list[child.Row]
    rounds: list[Round]
    versions: dict[str, str]
    findings: dict[str, list[str]]


def main(arguments: Sequence[str]) -> int:
    """Return the exit code: 0 with a table, 1 with what the audit found instead."""
    options = _options(arguments)
    machine = description()
    run = measured(options)
    if wrong := [f"{name}: {each}" for name, found in run.findings.items() for each in found]:
        print(*wrong, sep="\n")
        return 1
    engines = (f"{each.name} {run.versions[each.name]}: {each.durability}." for each in ENGINES)
    table = lines(run.rows, [engine.name for engine in ENGINES], run.rounds)
    written, gap = (markdown, "\n\n") if options.markdown else (plain, "\n")
    print(f"{machine}.", *engines, LEGEND, written(table), sep=gap)
    return 0


def measured(options: Options) -> Run:
    """Start everything, measure, audit, and stop everything."""
    with ExitStack() as stack:
        benches = [Bench(each.name, stack.enter_context(running(each))) for each in ENGINES]
        versions = _ask(benches, child.prepare)
        rows = benches[0].process.submit(child.rows).result()
        rounds = _rounds(benches, rows, options)
        return Run(rows, rounds, versions, _ask(benches, child.findings))


def _options(arguments: Sequence[str]) -> Options:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.databases")
    parser.add_argument("--rounds", type=int, default=5, help="at most so many")
    parser.add_argument("--times", type=int, help="do everything so often in a round")
    parser.add_argument("--markdown", action="store_true", help="print the table in Markdown")
    return Options(**vars(parser.parse_args(arguments)))


def _ask(benches: Sequence[Bench], question: Callable[[], T]) -> dict[str, T]:
    """Have all processes answer at once; what one raises is raised here."""
    asked = {bench.name: bench.process.submit(question) for bench in benches}
    return {name: answer.result() for name, answer in asked.items()}


def _rounds(benches: Sequence[Bench], rows: Sequence[child.Row], options: Options) -> list[Round]:
    _round(benches, rows, times=1)  # the first of everything opens and loads: it does not count
    found: list[Round] = []
    begun = time.monotonic()
    while len(found) < options.rounds and (not found or time.monotonic() - begun < ENOUGH_S):
        print(f"round {len(found) + 1} of {options.rounds} …", file=sys.stderr, flush=True)
        # Another one goes first each time: who comes after an engine may pay for its writes.
        first = len(found) % len(benches)
        found.append(_round([*benches[first:], *benches[:first]], rows, times=options.times))
    return found


def _round(benches: Sequence[Bench], rows: Sequence[child.Row], *, times: int | None) -> Round:
    return {
        (row.title, bench.name): bench.process.submit(child.measure, row.title, times).result()
        for row in rows
        for bench in benches
    }


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
