"""Rows as lines of a table."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from benchmarks.frame.rows import Figure, Row
from benchmarks.table import Line

HEAD = (
    "Path", "Ours", "Peer", "Ratio", "Mark", "Met", "p50 / p99 ms", "Memory MB", "Note",
)  # fmt: skip


def table_of(rows: Sequence[Row]) -> list[Line]:
    """Return the head and a line for each row; of two figures ours stands first."""
    return [HEAD, *(_line(row) for row in rows)]


def _line(row: Row) -> Line:
    return (
        row.path,
        f"{short(row.ours.value)} {row.unit}",
        f"{row.peer_name} {short(row.peer.value)}" if row.peer else "–",
        "–" if row.ratio is None else f"{short(row.ratio)} ×",
        _mark(row),
        {True: "yes", False: "no", None: "–"}[row.met],
        _both(row, _times),
        _both(row, _memory),
        row.note,
    )


def _mark(row: Row) -> str:
    if row.mark is None:
        return "–"
    unit = "×" if row.mark.of == "ratio" else row.unit
    return f"{row.mark.sense} {row.mark.limit:g} {unit}"


def _times(side: Figure) -> str:
    if side.p50_ms is None or side.p99_ms is None:
        return "–"
    return f"{short(side.p50_ms)} / {short(side.p99_ms)}"


def _memory(side: Figure) -> str:
    return "–" if side.memory_mb is None else f"{side.memory_mb:.0f}"


def _both(row: Row, say: Callable[[Figure], str]) -> str:
    sides = [say(side) for side in (row.ours, row.peer) if side is not None]
    return "–" if set(sides) == {"–"} else " · ".join(sides)


def short(value: float) -> str:
    """Three digits that count, without an exponent."""
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.3g}" if abs(value) >= 0.001 or value == 0 else f"{value:.1e}"
