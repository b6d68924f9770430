"""Four pictures of the same day: who waited, who was there, who walked, who earned."""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from dispatch.sandbox.city.demand import FIRST_HOUR
from dispatch.sandbox.city.figures import Outcome

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# Okabe and Ito: told apart by everybody.
COLOURS = ("#999999", "#0072b2", "#e69f00", "#009e73", "#cc79a7")
SIZE, DPI = (11.0, 8.0), 110
LONGEST_WAIT_MIN = 60


class NoPlots(Exception):
    """matplotlib is not installed."""


def matplotlib_needed() -> None:
    """Raise ``NoPlots`` without it: it is a tool of development, the product runs without."""
    if importlib.util.find_spec("matplotlib") is None:
        raise NoPlots("a plot needs matplotlib: pip install -r requirements-dev.txt (make setup)")


def draw(found: Sequence[Outcome], path: Path, title: str) -> None:
    """Write a PNG; raises ``NoPlots``."""
    matplotlib_needed()
    from matplotlib.figure import Figure

    figure = Figure(figsize=SIZE, dpi=DPI, layout="constrained")
    axes = figure.subplots(2, 2)
    figure.suptitle(title, fontsize=11)
    _waits(axes[0, 0], found)
    _waiting(axes[0, 1], found)
    _walks(axes[1, 0], found)
    _earnings(axes[1, 1], found)
    for each in axes.flat:
        each.spines[["top", "right"]].set_visible(False)
        each.grid(alpha=0.25)
    handles, labels = axes[0, 0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=len(found), frameon=False)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path)


def _waits(axes: Axes, found: Sequence[Outcome]) -> None:
    for each, colour in zip(found, COLOURS, strict=False):
        minutes = np.sort(each.to_pickup)
        share = np.arange(1, len(minutes) + 1) / max(1, each.posted)
        axes.plot(minutes, share * 100, color=colour, label=each.policy, linewidth=2)
    axes.set(
        title="Collected within …", xlabel="minutes since posting", ylabel="% of all errands",
        xlim=(0, LONGEST_WAIT_MIN), ylim=(0, 100),
    )  # fmt: skip


def _waiting(axes: Axes, found: Sequence[Outcome]) -> None:
    for each, colour in zip(found, COLOURS, strict=False):
        hours = [FIRST_HOUR + sample.at / 3600 for sample in each.samples]
        axes.plot(hours, [s.waiting for s in each.samples], color=colour, linewidth=1.5)
    ticks = range(FIRST_HOUR, FIRST_HOUR + 25, 3)
    axes.set_xticks(ticks, [str(hour % 24) for hour in ticks])
    axes.set(title="Errands that wait for somebody", xlabel="hour of the day", ylabel="errands")
    seconds = (sample.at for each in found for sample in each.samples)
    axes.set_xlim(FIRST_HOUR, FIRST_HOUR + min(24, max(seconds, default=0) / 3600 + 0.1))
    axes.set_ylim(bottom=0)


def _walks(axes: Axes, found: Sequence[Outcome]) -> None:
    rows = range(len(found))
    bars = axes.barh(rows, [each.added_walk for each in found], color=COLOURS[: len(found)])
    axes.bar_label(bars, fmt="%.1f", padding=3)
    for row, each in enumerate(found):
        axes.text(0.5, row, each.policy, color="white", va="center", weight="bold")
    axes.set_yticks([])
    axes.invert_yaxis()
    axes.set(title="Walked for each completed errand", xlabel="minutes")


def _earnings(axes: Axes, found: Sequence[Outcome]) -> None:
    for each, colour in zip(found, COLOURS, strict=False):
        ascending = np.cumsum(np.sort(each.hourly))
        share = ascending / max(1.0, float(ascending[-1])) * 100
        runners = np.arange(1, len(share) + 1) / len(share) * 100
        label = f"{each.earned_hourly:,.0f} won an hour, Gini {each.gini:.2f}"
        axes.plot(runners, share, color=colour, linewidth=2, label=label)
    axes.plot([0, 100], [0, 100], color="black", linewidth=0.8, linestyle=":")
    axes.legend(frameon=False, fontsize=8)
    axes.set(
        title="Earnings for an hour on duty", xlabel="% of runners, the worst paid first",
        ylabel="% of all earnings", xlim=(0, 100), ylim=(0, 100),
    )  # fmt: skip
