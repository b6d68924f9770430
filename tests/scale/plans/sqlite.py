"""SQLite: ``EXPLAIN QUERY PLAN`` names the way, not how many rows lie along it."""

from __future__ import annotations

import re

from django.db import connection

from tests.scale.asked import Statement
from tests.scale.plans.shapes import Plan

WHOLE = re.compile(r"SCAN (\w+)( USING (?:COVERING )?INDEX)?")
LIMIT = re.compile(r" LIMIT \d+( OFFSET \d+)?(?=$|\) subquery$)")


def read(statement: Statement) -> Plan:
    steps = _steps(statement)
    # An index walked from its end is as good as a search, if the walk ends soon.
    ends = bool(LIMIT.search(statement.text))
    walks = [walk for step in steps if (walk := WHOLE.match(step))]
    sorts = any("TEMP B-TREE" in step and "ORDER BY" in step for step in steps)
    return Plan(
        scanned=[walk[1] for walk in walks if not (walk[2] and ends)],
        sorted=_all_rows(statement) if sorts else 0,
        joined=" JOIN " in statement.text,
    )


def _steps(statement: Statement) -> list[str]:
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN QUERY PLAN {statement.text}", statement.values)
        return [row[3] for row in cursor.fetchall()]


def _all_rows(statement: Statement) -> int:
    """Count what is sorted before the limit cuts it."""
    with connection.cursor() as cursor:
        whole = LIMIT.sub("", statement.text)
        cursor.execute(f"SELECT COUNT(*) FROM ({whole})", statement.values)
        count: int = cursor.fetchone()[0]
        return count
