"""Make the generated OpenAPI document say how refusals look."""

from __future__ import annotations

from typing import Any

from common.idempotency import HEADER, MAX_KEY

PROBLEM: dict[str, Any] = {
    "type": "object",
    "description": "RFC 9457 problem details.",
    "required": ["type", "title", "status", "code", "detail", "trace_id"],
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "code": {"type": "string", "description": "Stable; for programs."},
        "detail": {"type": "string", "description": "For people, in their language."},
        "trace_id": {"type": "string"},
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["field", "code", "detail"],
                "properties": {name: {"type": "string"} for name in ("field", "code", "detail")},
            },
        },
    },
}
IDEMPOTENCY_KEY: dict[str, Any] = {
    "in": "header",
    "name": HEADER,
    "schema": {"type": "string", "minLength": 1, "maxLength": MAX_KEY},
    "description": "Same key and body: the first answer again. Kept 24 hours, payments 15 days.",
}
NEVER_REPLAYED = "/ws-tickets"  # a kept answer would be a kept secret
METHODS = frozenset({"get", "post", "put", "patch", "delete"})


def document_problems(
    result: dict[str, Any], generator: Any, request: Any, public: bool
) -> dict[str, Any]:
    """drf-spectacular hook: give every operation a ``default`` problem+json response."""
    result.setdefault("components", {}).setdefault("schemas", {})["Problem"] = PROBLEM
    refusal = {
        "description": "Refused; see `code`.",
        "content": {
            "application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}
        },
    }
    for path, operations in result.get("paths", {}).items():
        for method, operation in operations.items():
            if method in METHODS:
                operation["responses"].setdefault("default", refusal)
        if "post" in operations and not path.endswith(NEVER_REPLAYED):
            operations["post"].setdefault("parameters", []).append(IDEMPOTENCY_KEY)
    return result
