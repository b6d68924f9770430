"""What the shapes say, written straight from rows: for lists that are asked for all the time.

Field by field and byte by byte the same, which ``tests/errands/test_rows.py`` compares.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable
from datetime import datetime, tzinfo
from typing import Any
from uuid import UUID

from django.utils import timezone
from django.utils.translation import get_language

from accounts.models import User
from errands.api.shapes import LINE_LABELS
from errands.models import label_of
from errands.selectors import ErrandRow, EventRow, nicknames, role_in
from errands.states import Kind, Move, Role, State, moves_from

Json = dict[str, Any]


def errand_list(errands: list[ErrandRow], *, user: User) -> list[Json]:
    """Write ``ErrandShape`` for one of the two parties."""
    parties = {errand.requester_id for errand in errands}
    parties |= {errand.runner_id for errand in errands if errand.runner_id is not None}
    names = {user.pk: user.nickname} | nicknames(parties - {user.pk})
    zone, language = timezone.get_current_timezone(), get_language()
    return [_errand(errand, user, names, zone, language) for errand in errands]


def event_list(events: Iterable[EventRow]) -> list[Json]:
    """Write ``EventShape``."""
    zone = timezone.get_current_timezone()
    return [
        {
            "sequence": event.sequence,
            "move": event.move,
            "from_state": event.from_state,
            "to_state": event.to_state,
            "role": event.role,
            "reason": event.reason,
            "note": "" if event.role == Role.PAYMENTS else event.note,
            "at": event.created_at.astimezone(zone),
        }
        for event in events
    ]


def _errand(
    errand: ErrandRow, user: User, names: dict[UUID, str], zone: tzinfo, language: str | None
) -> Json:
    role = role_in(errand, user)
    return {
        "id": errand.id,
        "kind": errand.kind,
        "pickup": _place(errand.pickup_lat, errand.pickup_lng, errand.pickup_address),
        "dropoff": _place(errand.dropoff_lat, errand.dropoff_lng, errand.dropoff_address),
        "weight_kg": errand.weight_kg,
        "bags": errand.bags,
        "floors": errand.floors,
        "expected_minutes": errand.expected_minutes,
        "starts_at": _local(errand.starts_at, zone),
        "deadline_at": _local(errand.deadline_at, zone),
        "lines": [_line(line, language) for line in errand.lines],
        "walking_minutes": errand.walking_minutes,
        "state": errand.state,
        "state_label": _state_label(errand.state, errand.kind, language),
        "version": errand.version,
        "title": errand.title,
        "note": errand.note,
        "reward": errand.reward,
        "service_fee": errand.service_fee,
        "total": errand.reward + errand.service_fee,
        "proof": errand.proof,
        "due_at": _local(errand.due_at, zone),
        "opened_at": _local(errand.opened_at, zone),
        "accepted_at": _local(errand.accepted_at, zone),
        "delivered_at": _local(errand.delivered_at, zone),
        "ended_at": _local(errand.ended_at, zone),
        "created_at": _local(errand.created_at, zone),
        "requester": _person(errand.requester_id, names),
        "runner": _person(errand.runner_id, names),
        "role": role,
        "moves": _moves(errand.state, errand.kind, role),
    }


def _place(lat: float | None, lng: float | None, address: str) -> Json | None:
    return None if lat is None or lng is None else {"lat": lat, "lng": lng, "address": address}


def _local(time: datetime | None, zone: tzinfo) -> datetime | None:
    return None if time is None else time.astimezone(zone)


def _line(line: dict[str, str | int], language: str | None) -> Json:
    code = str(line["code"])
    return {"code": code, "name": _line_label(code, language), "amount": line["amount"]}


def _person(key: UUID | None, names: dict[UUID, str]) -> Json | None:
    return None if key is None else {"id": key, "nickname": names[key]}


# Looking a text up costs more than writing the row: once for each language is enough.


@functools.cache
def _line_label(code: str, _language: str | None) -> str:
    return str(LINE_LABELS[code])


@functools.cache
def _state_label(state: str, kind: str, _language: str | None) -> str:
    return label_of(State(state), Kind(kind))


@functools.cache
def _moves(state: str, kind: str, role: Role) -> tuple[Move, ...]:
    return tuple(moves_from(State(state), kind=Kind(kind), role=role))
