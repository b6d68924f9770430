"""Plays instances of the Meal Delivery Routing Problem: ``python benchmarks/mdrp.py DIR…``.

Each directory holds couriers.txt, orders.txt, restaurants.txt and instance_parameters.txt in
the format of the public repository grubhub/mdrplib, which names no licence and is therefore not
copied here; without a directory a made-up evening is played. Prints what was reached on each,
beside the published figures; exits with 1 when a plan breaks a rule.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

sys.path.insert(0, str(Path(__file__).parents[1]))  # started by its path, not as a module

from benchmarks.meals.checker import broken_rules
from benchmarks.meals.figures import Figures, figures, together
from benchmarks.meals.instance import BadInstance, load
from benchmarks.meals.player import Player, Policy
from benchmarks.meals.published import OTHERS, Mark, Published, marks
from benchmarks.meals.town import write_town
from benchmarks.table import Line, plain

HEAD: Line = (
    "Instance", "orders", "click-to-door", "ready-to-pickup", "undelivered", "cost per order",
    "floor", "seconds",
)  # fmt: skip


class BrokenRule(Exception):
    """A plan that may not count; says which rule it breaks."""


def played(directory: Path, policy: Policy) -> Figures:
    """Play one instance; raises ``BadInstance`` and ``BrokenRule``."""
    instance = load(directory)
    plan = Player(instance, policy).play()
    broken = broken_rules(instance, plan)
    if broken:
        more = f" (and {len(broken) - 1} more)" if broken[1:] else ""
        raise BrokenRule(f"{instance.name}: {broken[0]}{more}")
    return figures(instance, plan)


def rows(directories: Iterable[Path], seconds_limit: float) -> list[Mark]:
    """Hold as many instances against the marks as are begun within ``seconds_limit``."""
    until = time.monotonic() + seconds_limit
    every: list[Figures] = []
    for directory in directories:
        if every and time.monotonic() > until:
            break
        every.append(played(directory, Policy()))
    return marks(every) if every else []


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition(":")[0])
    parser.add_argument("directories", nargs="*", type=Path, metavar="INSTANCE_DIR")
    parser.add_argument("--every", type=float, default=1.0, help="minutes from run to run")
    parser.add_argument(
        "--early", action="store_true", help="act on every match at once, as nothing may change"
    )
    options = parser.parse_args(arguments)
    if options.every <= 0:
        parser.error("--every is above 0")
    try:
        policy = Policy(options.every, late=not options.early)
        lines, every = _table(options.directories, policy) if options.directories else _town(policy)
    except (BadInstance, BrokenRule) as error:
        print(error, file=sys.stderr)
        return 1
    print(plain([HEAD, *lines, *map(_others, OTHERS)]))
    print("\n" + "\n".join(_verdicts(marks(every))))
    return 0


def _table(directories: Sequence[Path], policy: Policy) -> tuple[list[Line], list[Figures]]:
    lines: list[Line] = []
    every: list[Figures] = []
    for directory in directories:
        started = time.process_time()
        every.append(played(directory, policy))
        lines.append(_line(every[-1], time.process_time() - started))
        print(*lines[-1], file=sys.stderr)
    return [*lines, _line(together(every))], every


def _town(policy: Policy) -> tuple[list[Line], list[Figures]]:
    with TemporaryDirectory() as directory:
        return _table([write_town(Path(directory, "made-up"), seed=1)], policy)


def _line(found: Figures, seconds: float | None = None) -> Line:
    return (
        found.name, str(found.orders), f"{found.click_to_door:.2f}",
        f"{found.ready_to_pickup:.2f}", f"{found.undelivered:.2%}",
        f"{found.cost_per_order:.2f}", f"{found.floor:.2f}",
        "" if seconds is None else f"{seconds:.0f}",
    )  # fmt: skip


def _others(found: Published) -> Line:
    return (
        found.title, "", f"{found.click_to_door:.2f}", f"{found.ready_to_pickup:.2f}",
        "–" if found.undelivered is None else f"{found.undelivered:.2%}",
        "–" if found.cost_per_order is None else f"{found.cost_per_order:.2f}",
        f"{found.floor:.2f}", "",
    )  # fmt: skip


def _verdicts(every: Iterable[Mark]) -> Iterator[str]:
    for mark in every:
        word = "met" if mark.met else "missed"
        yield f"{word:6}  {mark.title}: {mark.value:.4g}, at most {mark.most:g}"


if __name__ == "__main__":
    sys.exit(main())
