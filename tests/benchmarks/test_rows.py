"""A row against its mark, and the page that is made of rows."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from benchmarks import __main__ as program
from benchmarks.frame import results
from benchmarks.frame.rounds import turns
from benchmarks.frame.rows import (
    Curve,
    Figure,
    Mark,
    Report,
    Row,
    at_least,
    at_most,
    figure,
    latency,
    no_less_than,
    no_more_than,
)
from benchmarks.frame.written import short, table_of


def row(ours: float, mark: Mark | None, peer: float | None = 10.0, path: str = "Walk") -> Row:
    theirs = None if peer is None else Figure(value=peer)
    return Row(
        path=path, unit="km", ours=Figure(value=ours), peer=theirs, peer_name="bus", mark=mark
    )


@pytest.mark.parametrize(
    ("ours", "mark", "margin"),
    [
        (12, at_least(1.2), 1.0),
        (11, at_least(1.2), 1.1 / 1.2),
        (5, at_most(0.5), 1.0),
        (8, at_most(0.5), 0.5 / 0.8),
        (30, no_more_than(25), 25 / 30),
        (0, no_more_than(25), math.inf),
        (0.99, no_less_than(1), 0.99),
    ],
)
def test_the_margin_of_a_mark(ours: float, mark: Mark, margin: float) -> None:
    found = row(ours, mark)
    assert found.margin == pytest.approx(margin)
    assert found.met == (margin >= 1)


def test_a_row_without_a_mark_is_neither_met_nor_missed() -> None:
    assert row(1, None).met is None


def test_a_ratio_needs_somebody_to_be_compared_with() -> None:
    with pytest.raises(AssertionError, match="nothing to be compared with"):
        _ = row(1, at_least(1), peer=None).met


def test_a_figure_is_the_median_of_its_rounds_and_the_percentiles_of_all() -> None:
    found = figure([3.0, 100.0, 1.0], [float(ms) for ms in range(1, 201)], memory_mb=7)
    assert found == Figure(value=3.0, p50_ms=101.0, p99_ms=199.0, memory_mb=7)


def test_a_latency_is_the_median_of_each_rounds_slowest() -> None:
    assert latency([[1.0, 9.0], [2.0, 3.0], [1.0, 1.0]]).value == 3.0


def test_another_side_begins_each_round() -> None:
    assert "".join(turns("abc", 2)) == "abcbca"


def test_ours_stands_first_in_a_cell() -> None:
    ours, peer = Figure(value=2, p50_ms=1, p99_ms=2), Figure(value=4, p50_ms=3, p99_ms=40)
    found = Row(path="Walk", unit="km", ours=ours, peer=peer, peer_name="bus", mark=at_most(1))
    assert table_of([found])[1] == (
        "Walk", "2 km", "bus 4", "0.5 ×", "≤ 1 ×", "yes", "1 / 2 · 3 / 40", "–", "",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("value", "text"), [(0, "0"), (0.01234, "0.0123"), (12.345, "12.3"), (34_012.3, "34,012")]
)
def test_three_digits_that_count(value: float, text: str) -> None:
    assert short(value) == text


def test_the_page_holds_the_table_the_plots_and_a_word_on_each_missed_mark(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(results, "_versions", lambda: ["Shoe 42"])
    steps = [Curve(plot="growth", name="steps", over="km", unit="s", x=[1, 10], y=[2, 30])]
    rows = [row(20, at_least(1)), row(1, at_least(1), path="Run"), row(1, None, path="Rest")]
    results.write("A machine", Report(rows, steps), tmp_path)
    page = (tmp_path / "RESULTS.md").read_text()
    assert "| Walk | 20 km | bus 10 | 2 × | ≥ 1 × | yes |" in page
    assert "**Run.** Not explained yet." in page
    assert "**Walk.**" not in page
    for plot in ("marks", "growth"):
        assert f"![{plot}](plots/{plot}.png)" in page
        assert (tmp_path / "plots" / f"{plot}.png").stat().st_size > 1_000


def test_a_note_explains_every_row_that_begins_with_its_name() -> None:
    notes = {"Run, p99": "out of breath"}
    assert results.note(notes, "Run, p99 at night") == "out of breath"
    assert results.note(notes, "Run") == "Not explained yet."


def test_an_unknown_program_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    assert program.main(["ingest", "swim"]) == 2
    assert "no benchmark swim" in capsys.readouterr().out
