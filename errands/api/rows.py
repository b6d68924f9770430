"""What the shapes say, written straight from rows: for lists that are asked for all the time.

Field by field and byte by byte the same, which ``tests/errands/test_rows.py`` compares.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable
from datetime import tzinfo
from typing import Any
from uuid import UUID

from django.utils import timezone
from django.utils.translation import get_language

from accounts.models import User
from errands.api.shapes import LINE_LABELS
from errands.models import label_of
from errands.selectors import ErrandRow, EventRow, nicknames, role_in
from errands.states import Kind, Role, State, moves_from

Json = dict[str, Any]


def errand_list(errands: list[ErrandRow], *, user: User) -> list[Json]:
    """Write ``ErrandShape`` for one of the two parties."""
    people = _people(errands, user)
    zone, language = timezone.get_current_timezone(), get_language()
    return [_errand(errand, role_in(errand, user), people, zone, language) for errand in errands]


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


def _people(errands: list[ErrandRow], user: User) -> dict[UUID | None, Json | None]:
    """Write each party once; nobody, who runs some errands, is None."""
    parties = {party for errand in errands for party in (errand.requester_id, errand.runner_id)}
    others = nicknames(party for party in parties - {user.pk} if party is not None)
    named = {user.pk: user.nickname} | others
    return {None: None} | {key: {"id": key, "nickname": name} for key, name in named.items()}


def _errand(
    errand: ErrandRow,
    role: Role,
    people: dict[UUID | None, Json | None],
    zone: tzinfo,
    language: str | None,
) -> Json:
    return {
        "id": errand.id,
        "kind": errand.kind,
        "pickup": _place(errand.pickup_lat, errand.pickup_lng, errand.pickup_address),
        "dropoff": _place(errand.dropoff_lat, errand.dropoff_lng, errand.dropoff_address),
        "weight_kg": errand.weight_kg,
        "bags": errand.bags,
        "floors": errand.floors,
        "expected_minutes": errand.expected_minutes,
        "starts_at": errand.starts_at and errand.starts_at.astimezone(zone),
        "deadline_at": errand.deadline_at and errand.deadline_at.astimezone(zone),
        "lines": [_line(line, language) for line in errand.lines],
        "walking_minutes": errand.walking_minutes,
        "state": errand.state,
        "state_label": _state_label(errand.state, errand.kind, language),
        "version": errand.version,
        "title": errand.title,
        "note": errand.note,
        "reward": errand.reward,
        "service_fee": errand.service_fee,
        "total": errand.reward + errand.service_fee + errand.budget,
        "proof": errand.proof,
        "due_at": errand.due_at and errand.due_at.astimezone(zone),
        "opened_at": errand.opened_at and errand.opened_at.astimezone(zone),
        "accepted_at": errand.accepted_at and errand.accepted_at.astimezone(zone),
        "delivered_at": errand.delivered_at and errand.delivered_at.astimezone(zone),
        "ended_at": errand.ended_at and errand.ended_at.astimezone(zone),
        "created_at": errand.created_at and errand.created_at.astimezone(zone),
        "requester": people[errand.requester_id],
        "runner": people[errand.runner_id],
        "role": role.value,
        "moves": _moves(errand.state, errand.kind, role),
    }


def _place(lat: float | None, lng: float | None, address: str) -> Json | None:
    return None if lat is None or lng is None else {"lat": lat, "lng": lng, "address": address}


def _line(line: dict[str, str | int], language: str | None) -> Json:
    code = str(line["code"])
    return {"code": code, "name": _line_label(code, language), "amount": line["amount"]}


# Looking a text up costs more than writing the row: once for each language is enough.


@functools.cache
def _line_label(code: str, _language: str | None) -> str:
    return str(LINE_LABELS[code])


@functools.cache
def _state_label(state: str, kind: str, _language: str | None) -> str:
    return label_of(State(state), Kind(kind))


@functools.cache
def _moves(state: str, kind: str, role: Role) -> tuple[str, ...]:
    return tuple(move.value for move in moves_from(State(state), kind=Kind(kind), role=role))
