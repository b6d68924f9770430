"""From samples to a table, as plain text or Markdown."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence

from benchmarks.child import Row
from benchmarks.timing import Sample

Round = Mapping[tuple[str, str], Sample]  # by operation and engine
Line = Sequence[str]


def lines(rows: Sequence[Row], engines: Sequence[str], rounds: Sequence[Round]) -> list[Line]:
    """Return the table's head and a line for each row; the first engine is the measure."""
    found: list[Line] = [("Operation", "n", *engines)]
    for row in rows:
        taken = [[each[row.title, engine] for each in rounds] for engine in engines]
        cells = _rates(taken) if row.per_second else _latencies(taken)
        found.append((row.title, str(sum(len(sample.ms) for sample in taken[0])), *cells))
    return found


def _latencies(taken: Sequence[Sequence[Sample]]) -> list[str]:
    middles = [statistics.median(_sorted_ms(samples)) for samples in taken]
    return _compared([_milliseconds(samples) for samples in taken], middles)


def _rates(taken: Sequence[Sequence[Sample]]) -> list[str]:
    rates = [statistics.median(len(s.ms) / s.seconds for s in samples) for samples in taken]
    cells = [
        f"{_milliseconds(samples)} · {_short(rate)}/s"
        for samples, rate in zip(taken, rates, strict=True)
    ]
    return _compared(cells, rates)


def _sorted_ms(samples: Sequence[Sample]) -> list[float]:
    return sorted(ms for sample in samples for ms in sample.ms)


def _milliseconds(samples: Sequence[Sample]) -> str:
    ms = _sorted_ms(samples)
    return f"{_short(statistics.median(ms))} / {_short(ms[int(len(ms) * 0.99)])}"


def _compared(cells: Sequence[str], values: Sequence[float]) -> list[str]:
    others = zip(cells[1:], values[1:], strict=True)
    return [cells[0], *(f"{cell} (×{value / values[0]:.1f})" for cell, value in others)]


def _short(value: float) -> str:
    return f"{value:.0f}" if value >= 10 else f"{value:.1f}"


def plain(table: Sequence[Line]) -> str:
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    return "\n".join(
        "  ".join([line[0].ljust(widths[0]), *map(str.rjust, line[1:], widths[1:])])
        for line in table
    )


def markdown(table: Sequence[Line]) -> str:
    head, *body = table
    aligned = ["---", *["---:"] * (len(head) - 1)]
    return "\n".join(f"| {' | '.join(line)} |" for line in [head, aligned, *body])
