"""What runs in the process that each database has to itself: Django knows one a process."""

from __future__ import annotations

import faulthandler
import os
from importlib import import_module
from typing import Any, NamedTuple

import django
from django.core.management import call_command
from django.db import connection

from balrottuieo.supervisor.children import die_with_parent
from benchmarks.timing import Sample

LONGEST_S = 900


class Row(NamedTuple):
    """An operation, as it is named in the table."""

    title: str
    per_second: bool


def begin(environment: dict[str, str]) -> None:
    """Let Django read its settings from ``environment``, and make the tables.

    What needs models is imported in the functions below, which are called after this.
    """
    die_with_parent()
    faulthandler.dump_traceback_later(LONGEST_S, exit=True)
    os.environ.update(environment)
    django.setup()
    call_command("migrate", verbosity=0)


def call(what: str, arguments: tuple[Any, ...]) -> Any:
    """Call the function whose whole name is ``what``; its module may need models."""
    module, _dot, name = what.rpartition(".")
    return getattr(import_module(module), name)(*arguments)


def prepare() -> str:
    """Make the people and errands that all begins with; return the database's version."""
    from benchmarks.stage import stage

    stage()
    return ".".join(map(str, connection.get_database_version()))


def rows() -> list[Row]:
    from benchmarks.operations import OPERATIONS

    return [Row(each.title, each.per_second) for each in OPERATIONS]


def measure(title: str, times: int | None) -> Sample:
    """Do an operation ``times``, or as often as a round has it.

    Raises:
        AssertionError: what it did is not what it should have done.
    """
    from benchmarks.operations import OPERATIONS
    from benchmarks.stage import stage

    (operation,) = (each for each in OPERATIONS if each.title == title)
    return operation.measure(stage(), times or operation.times)


def findings() -> list[str]:
    """Audit all that was done, every errand and every won."""
    from common import clock
    from dispatch.audit import audit

    return [" ".join(finding) for finding in audit(now=clock.now()).findings]
