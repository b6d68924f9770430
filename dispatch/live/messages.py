"""Builders of everything the server says."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from common.errors import DomainError
from common.geo import Point
from dispatch.models import RunnerMessage
from dispatch.protocol import (
    BadMessage,
    Command,
    ErrorCode,
    ErrorMessage,
    EventMessage,
    PositionMessage,
    PublicEvent,
)
from errands.models import ErrandEvent

_encode = msgspec.json.Encoder().encode
MISUNDERSTOOD: dict[ErrorCode, Promise] = {
    ErrorCode.BAD_JSON: _("This message is not JSON."),
    ErrorCode.BINARY: _("Only text messages are understood here."),
    ErrorCode.UNKNOWN_TYPE: _("This type of message is not known here."),
    ErrorCode.INVALID: _("This message does not have the right shape."),
}


def to_text(message: Any) -> str:
    """Return the JSON that goes over the wire."""
    return _encode(message).decode()


def plain(message: Any) -> Any:
    """Return the message as dicts and strings, as the channel layer carries them."""
    return msgspec.to_builtins(message)


def runner_message(row: RunnerMessage) -> dict[str, Any]:
    """A stored message as the runner receives it: ``type``, ``sequence``, then its payload."""
    return {"type": row.type, "sequence": row.sequence, **row.payload}


def errand_event(event: ErrandEvent) -> EventMessage:
    return EventMessage(
        sequence=event.sequence,
        move=event.move,
        from_state=event.from_state,
        to_state=event.to_state,
        state=event.to_state,
        role=event.role,
        reason=event.reason,
        at=event.created_at,
    )


def public_event(message: Mapping[str, Any]) -> PublicEvent:
    """Leave only what whoever holds the tracking link may know."""
    known = {name: message[name] for name in PublicEvent.__struct_fields__}
    return msgspec.convert(known, PublicEvent)


def position_message(
    point: Point, recorded_at: datetime, eta_minutes: float | None, way: Sequence[Point] = ()
) -> PositionMessage:
    """Where a runner is; a ``way`` of one place is no more than that."""
    path = [(place.lat, place.lng) for place in way] if len(way) > 1 else []
    return PositionMessage(
        lat=point.lat, lng=point.lng, eta_minutes=eta_minutes, recorded_at=recorded_at, path=path
    )


def misunderstood(bad: BadMessage) -> ErrorMessage:
    text = str(MISUNDERSTOOD[bad.code])
    detail = f"{text} ({bad.reason})" if bad.reason else text
    return ErrorMessage(code=bad.code, detail=detail, about=bad.about, id=bad.command_id)


def failure(error: DomainError, command: Command | None = None) -> ErrorMessage:
    """A refusal by a service, with the command that caused it."""
    about, command_id = (command.name, command.id) if command else (None, None)
    return ErrorMessage(code=error.code, detail=str(error), about=about, id=command_id)
