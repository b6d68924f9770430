"""What of a message is kept when it dies, and how a person reads it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from typing import Any

from django.utils.dateparse import parse_datetime
from kombu import Message

from common import clock
from common.broker.topology import DELAYED
from common.models import Cause

LONGEST_TEXT = 4_000
# Of Celery's headers those that say what to run: not when, how often tried, or until when.
WHAT_TO_RUN = (
    "task", "id", "root_id", "parent_id", "group", "group_index", "argsrepr", "kwargsrepr",
    "ignore_result", "lang", "origin", "shadow", "stamped_headers", "stamps", "timelimit",
)  # fmt: skip
# RabbitMQ's word for why it moved a message by itself, and ours.
CAUSES = {"delivery_limit": Cause.KILLED}


def kept_headers(headers: Mapping[str, Any]) -> dict[str, Any]:
    """Without what JSON or PostgreSQL cannot hold, should a stranger have sent it."""
    kept = {name: headers[name] for name in WHAT_TO_RUN if name in headers}
    cleaned: dict[str, Any] = _clean(json.loads(json.dumps(kept, default=str), parse_constant=str))
    return cleaned


def death_headers(message: Message, cause: Cause, error: str, identity: str) -> dict[str, str]:
    """What a dead letter says of its death."""
    delivery_info = message.delivery_info or {}
    return {
        "dead_at": clock.now().isoformat(),
        "dead_cause": cause.value,
        "dead_error": error[-LONGEST_TEXT:],
        "dead_identity": identity,
        # Of a message that was delayed, the words before the last one are its delay.
        "dead_queue": str(delivery_info.get("routing_key") or "").rpartition(".")[2],
    }


def body_of(message: Message) -> bytes:
    body: str | bytes | None = message.body
    return body.encode() if isinstance(body, str) else bytes(body or b"")


def row_of(message: Message) -> tuple[str, dict[str, Any]]:
    """Return the identity of a letter, and the fields of its row."""
    headers, body = message.headers, body_of(message)
    named = headers.get("dead_identity") or headers.get("id")
    return _text(named or _digest(body))[:200], {
        **_death_of(headers),
        "task": _text(headers.get("task"))[:200],
        "arguments": _arguments(headers, body),
        "headers": kept_headers(headers),
        "body": body,
        "content_type": _text(message.content_type)[:100],
        "content_encoding": _text(message.content_encoding)[:100],
        "replayed_at": None,
    }


def bare_row_of(message: Message, error: Exception) -> tuple[str, dict[str, Any]]:
    """Return the same of a letter that `row_of` cannot describe: its body, and why."""
    body = body_of(message)
    return _digest(body), {
        "cause": Cause.UNREADABLE,
        "error": _text(repr(error))[:LONGEST_TEXT],
        "died_at": clock.now(),
        "headers": {},
        "body": body,
        "replayed_at": None,
    }


def _death_of(headers: Mapping[str, Any]) -> dict[str, Any]:
    """What our worker said; else what RabbitMQ says of it, the newest first."""
    if "dead_cause" in headers:
        cause = headers["dead_cause"]
        return {
            "cause": cause if cause in Cause.values else Cause.REJECTED,
            "error": _text(headers.get("dead_error")),
            "queue": _text(headers.get("dead_queue"))[:100],
            "died_at": parse_datetime(str(headers.get("dead_at"))) or clock.now(),
        }
    moves: Iterable[dict[str, Any]] = headers.get("x-death", ())
    last = next((move for move in moves if not move["queue"].startswith(DELAYED)), {})
    return {
        "cause": CAUSES.get(last.get("reason", ""), Cause.REJECTED),
        "error": "",
        "queue": _text(last.get("queue"))[:100],
        "died_at": clock.now(),
    }


def _arguments(headers: Mapping[str, Any], body: bytes) -> str:
    """In Celery's own words, else as the body begins."""
    words = (headers.get("argsrepr"), headers.get("kwargsrepr"))
    known = " ".join(str(word) for word in words if word not in (None, "()", "{}"))
    return _text(known or body.decode(errors="replace"))[:LONGEST_TEXT]


def _clean(value: Any) -> Any:
    """The same JSON, every text in it made harmless."""
    if isinstance(value, dict):
        return {_text(name): _clean(held) for name, held in value.items()}
    if isinstance(value, list):
        return [_clean(held) for held in value]
    return _text(value) if isinstance(value, str) else value


def _text(value: object) -> str:
    """Without NUL and lone surrogates, which PostgreSQL refuses."""
    text = str(value or "").replace("\0", "\N{REPLACEMENT CHARACTER}")
    return text.encode(errors="replace").decode()


def _digest(body: bytes) -> str:
    return hashlib.sha256(body).hexdigest()
