"""PostgreSQL: ``EXPLAIN ANALYZE`` carries a reading out and counts."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from django.db import connection

from tests.scale.asked import Statement
from tests.scale.plans.shapes import Plan

Node = dict[str, Any]


def read(statement: Statement) -> Plan:
    root = _explained(statement)
    nodes = list(_nodes(root))
    return Plan(
        scanned=[node["Relation Name"] for node in nodes if node["Node Type"] == "Seq Scan"],
        sorted=max((_rows(n["Plans"][0]) for n in nodes if n["Node Type"] == "Sort"), default=0),
        joined=" JOIN " in statement.text,
        examined=sum(_looked_at(node) for node in nodes if "Relation Name" in node),
        returned=_rows(root),
    )


def _explained(statement: Statement) -> Node:
    analyze = "ANALYZE, TIMING OFF, " if statement.text.startswith("SELECT") else ""
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN ({analyze}FORMAT JSON) {statement.text}", statement.values)
        [[found]] = cursor.fetchall()
    root: Node = (json.loads(found) if isinstance(found, str) else found)[0]["Plan"]
    return root


def _nodes(node: Node) -> Iterator[Node]:
    yield node
    for part in node.get("Plans", ()):
        yield from _nodes(part)


def _rows(node: Node) -> int:
    return int(node.get("Actual Rows", node["Plan Rows"]) * node.get("Actual Loops", 1))


def _looked_at(node: Node) -> int:
    removed = ("Rows Removed by Filter", "Rows Removed by Index Recheck")
    thrown = sum(node.get(name, 0) for name in removed) * node.get("Actual Loops", 1)
    return int(_rows(node) + thrown)
