"""MongoDB: ``explain`` with ``executionStats`` carries a reading out and counts."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from bson.codec_options import CodecOptions, DatetimeConversion
from django.db import connection

from tests.scale.asked import Statement
from tests.scale.plans.shapes import Plan

Document = dict[str, Any]
# The bounds of an index reach to the ends of time.
CLAMPED: CodecOptions[Document] = CodecOptions(
    datetime_conversion=DatetimeConversion.DATETIME_CLAMP
)


def read(statement: Statement) -> Plan:
    if statement.text == "insert_many":
        return Plan([])
    mongodb: Any = connection
    answer = mongodb.database.command(
        {"explain": _command(statement), "verbosity": "executionStats"}, codec_options=CLAMPED
    )
    parts = list(_documents(answer))
    stats = [part for part in parts if "totalDocsExamined" in part]
    return Plan(
        scanned=[statement.table] if any(p.get("stage") == "COLLSCAN" for p in parts) else [],
        sorted=max(map(_sorted, parts), default=0),
        joined="$lookup" in str(statement.values),
        examined=sum(max(s["totalDocsExamined"], s["totalKeysExamined"]) for s in stats),
        returned=sum(stat["nReturned"] for stat in stats),
    )


def _command(statement: Statement) -> Document:
    operation, values, table = statement.text, statement.values, statement.table
    if operation == "aggregate":
        return {"aggregate": table, "pipeline": values[0], "cursor": {}}
    if operation == "update_many":
        update = {"q": values[0], "u": values[1], "multi": True}
        return {"update": table, "updates": [update]}
    return {"delete": table, "deletes": [{"q": values[0], "limit": 0}]}


def _documents(found: Any) -> Iterator[Document]:
    """Every document within, but not the plans that lost."""
    if isinstance(found, dict):
        yield found
        for name, part in found.items():
            if name not in {"rejectedPlans", "allPlansExecution"}:
                yield from _documents(part)
    elif isinstance(found, list):
        for part in found:
            yield from _documents(part)


def _sorted(part: Document) -> int:
    """How many documents a blocking sort took in: a stage of the plan, or of the pipeline."""
    if part.get("stage") in {"SORT", "sort"}:  # as the one and the other of its machines say it
        return int(part["inputStage"].get("nReturned", 0))
    if "$sort" in part:
        return int(part.get("nReturned", 0))
    return 0
