"""What the benchmark prints of what it measured, and what it keeps to itself."""

from __future__ import annotations

import pytest

from benchmarks import databases
from benchmarks.child import Row
from benchmarks.databases import Run, main
from benchmarks.engines import ENGINES
from benchmarks.table import Round
from benchmarks.timing import Sample

ROWS = [Row("walk", per_second=False), Row("pay", per_second=True)]
ROUNDS: list[Round] = [
    {
        (row.title, engine.name): Sample([number, 3.0 * number], seconds=number / 10)
        for row in ROWS
        for number, engine in enumerate(ENGINES, 1)
    }
]


def run(**findings: list[str]) -> Run:
    return Run(ROWS, ROUNDS, {engine.name: "1.2" for engine in ENGINES}, findings)


def printed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], found: Run, code: int
) -> list[str]:
    monkeypatch.setattr(databases, "measured", lambda _options: found)
    assert main(["--markdown"]) == code
    return capsys.readouterr().out.splitlines()


def test_the_first_engine_is_what_the_others_are_compared_with(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert printed(monkeypatch, capsys, run(), 0)[-4:] == [
        "| Operation | n | SQLite | PostgreSQL | MongoDB |",
        "| --- | ---: | ---: | ---: | ---: |",
        "| walk | 2 | 2.0 / 3.0 | 4.0 / 6.0 (×2.0) | 6.0 / 9.0 (×3.0) |",
        "| pay | 2 | 2.0 / 3.0 · 20/s | 4.0 / 6.0 · 10/s (×0.5) | 6.0 / 9.0 · 6.7/s (×0.3) |",
    ]


def test_every_engine_says_how_durable_it_was(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    told = printed(monkeypatch, capsys, run(), 0)
    for engine in ENGINES:
        assert f"{engine.name} 1.2: {engine.durability}." in told


def test_a_run_that_the_audit_blames_has_no_table(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    blamed = run(SQLite=[], MongoDB=["escrow_wrong errand:1"])
    assert printed(monkeypatch, capsys, blamed, 1) == ["MongoDB: escrow_wrong errand:1"]
