"""Make the generated OpenAPI document say what no single view can: the conventions."""

from __future__ import annotations

from typing import Any

from common.idempotency import HEADER, MAX_KEY

DESCRIPTION = """\
Post small errands; runners nearby, on foot, do them.

* **Log in** with `POST /api/v1/auth/app/v1/auth/login` (`{"email", "password"}`); the answer's
  `meta` has an `access_token` for `Authorization: Bearer …` and a `refresh_token` for
  `POST /api/v1/auth/app/v1/tokens/refresh`. Sign up at `…/auth/signup`. Web pages may use the
  session cookie with CSRF.
* **Repeat safely**: give each POST an `Idempotency-Key`; the same key and body get the first
  answer again, another body 422, a first request that still runs 409.
* **Refusals** are `application/problem+json` with a stable `code`.
* **Lists** are pages with `next` and `previous`; times are RFC 3339; money is an integer of won.
* **Live updates** go over WebSockets: see `docs/asyncapi.yaml`.
"""
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


def document_conventions(
    result: dict[str, Any], generator: Any, request: Any, public: bool
) -> dict[str, Any]:
    """drf-spectacular hook: say once what holds everywhere (refusals, keys, logging in)."""
    result["info"]["description"] = DESCRIPTION
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
