"""How a database goes about a statement, read from what its own ``explain`` says."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from django.db import connection

from tests.scale.asked import Statement
from tests.scale.plans import mongodb, postgresql, sqlite
from tests.scale.plans.shapes import Plan

READERS: Mapping[str, Callable[[Statement], Plan]] = {
    "sqlite": sqlite.read,
    "postgresql": postgresql.read,
    "mongodb": mongodb.read,
}

__all__ = ["Plan", "explain"]


def explain(statement: Statement) -> Plan:
    """Ask the engine how it goes about ``statement``; a write is not carried out."""
    return READERS[connection.vendor](statement)
