"""How a program is run alone: its options are the fields of a named tuple."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from inspect import signature
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from benchmarks.frame.rows import Report
from benchmarks.frame.written import table_of
from benchmarks.machine import description
from benchmarks.table import plain

Options = TypeVar("Options")


def main(options: Callable[..., Options], measure: Callable[[Options], Report]) -> None:
    """Measure as the command line says, and print the rows; ``--json FILE`` keeps them too."""
    given = _parsed(options, sys.argv[1:])
    kept = given.pop("json")
    print(f"{description()}.", flush=True)
    report = measure(options(**given))
    print(plain(table_of(report.rows)))
    if kept is not None:
        kept.write_bytes(msgspec.json.encode(report))


def _parsed(options: Callable[..., object], arguments: Sequence[str]) -> dict[str, Any]:
    parser = argparse.ArgumentParser(description=options.__doc__)
    for name, option in signature(options).parameters.items():
        default = option.default
        parser.add_argument(
            f"--{name}", type=type(default), default=default, help=f"default: {default}"
        )
    parser.add_argument("--json", type=Path, help="write the rows there too")
    return vars(parser.parse_args(arguments))
