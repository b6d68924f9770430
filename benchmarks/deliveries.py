"""The meal delivery problem: what ``benchmarks.mdrp`` reaches, against the marks.

Needs instances, which are not ours to give: ``--instances DIR``, or MDRP=DIR in the environment.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import NamedTuple

from benchmarks.frame.program import main
from benchmarks.frame.rows import Report, Row, figure, no_more_than
from benchmarks.mdrp import rows


class Options(NamedTuple):
    """A directory with a directory for each instance; no further one begins after ``seconds``."""

    instances: str = os.environ.get("MDRP", "")
    seconds: float = 90.0


def measure(options: Options) -> Report:
    if not options.instances:
        return Report([])
    directories = sorted(each for each in Path(options.instances).iterdir() if each.is_dir())
    return Report(
        [
            Row(
                path=f"MDRP, {mark.title}", unit="", ours=figure([mark.value]),
                mark=no_more_than(mark.most), note=f"of {len(directories)} instances",
            )
            for mark in rows(directories, options.seconds)
        ]
    )  # fmt: skip


if __name__ == "__main__":
    main(Options, measure)
