"""The plots of a run."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby
from operator import attrgetter
from pathlib import Path

from matplotlib import pyplot as plt
from matplotlib.figure import Figure

from benchmarks.frame.rows import Curve, Report, Row

MET, MISSED, LINEAR = "#1f6f8b", "#c1543a", "#9aa3a9"
COLOURS = ("#1f6f8b", "#3aa6b9", "#c1543a", "#5b8c3a", "#8a5a9e")
MOST, LEAST = 100.0, 0.01  # shown of a factor
DPI = 130


def draw(report: Report, directory: Path) -> list[Path]:
    """Draw how well each mark is met, and the curves by their plot; return the files."""
    directory.mkdir(exist_ok=True)
    plt.switch_backend("agg")  # files only, whatever the environment says
    marked = [row for row in report.rows if row.mark is not None]
    drawn = [_marks(marked, directory / "marks.png")] if marked else []
    return [*drawn, *_curves(report.curves, directory)]


def _marks(rows: Sequence[Row], file: Path) -> Path:
    """A bar for each mark; 1 is the mark itself, to the right is better."""
    figure, axes = plt.subplots(figsize=(9, 0.6 + 0.3 * len(rows)), layout="constrained")
    shown = list(reversed(rows))
    names = [row.path for row in shown]
    margins = [min(MOST, max(LEAST, row.margin)) for row in shown]
    colours = [MET if row.met else MISSED for row in shown]
    axes.barh(names, [each - 1 for each in margins], left=1, height=0.6, color=colours)
    axes.scatter(margins, names, color=colours, s=20, zorder=3)
    axes.axvline(1, color="black", linewidth=1)
    axes.set_xscale("log")
    axes.set_xlim(LEAST, MOST)
    axes.set_xlabel("times the mark (1 is the mark; to the right is better)")
    axes.tick_params(axis="y", labelsize=7)
    return _saved(figure, file)


def _curves(curves: Sequence[Curve], directory: Path) -> Iterator[Path]:
    for plot, each in groupby(sorted(curves, key=attrgetter("plot")), key=attrgetter("plot")):
        yield _plot(list(each), directory / f"{plot}.png")


def _plot(curves: Sequence[Curve], file: Path) -> Path:
    """Both axes logarithmic: what grows linearly runs along the dotted lines."""
    figure, axes = plt.subplots(figsize=(7, 4.5), layout="constrained")
    for curve, colour in zip(curves, COLOURS, strict=False):
        axes.plot(curve.x, curve.y, marker="o", color=colour, label=curve.name)
        linear = [curve.y[0] * x / curve.x[0] for x in curve.x]
        axes.plot(curve.x, linear, linestyle=":", color=colour, linewidth=1)
    axes.set(xscale="log", yscale="log", xlabel=curves[0].over, ylabel=curves[0].unit)
    axes.grid(visible=True, which="major", color=LINEAR, alpha=0.3)
    axes.plot([], [], linestyle=":", color="black", linewidth=1, label="linear")
    axes.legend()
    return _saved(figure, file)


def _saved(figure: Figure, file: Path) -> Path:
    figure.savefig(file, dpi=DPI, metadata={"Software": None})
    plt.close(figure)
    return file
