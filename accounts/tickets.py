"""One-time tickets that open a WebSocket where no header can be set."""

from __future__ import annotations

import hashlib
import secrets
from uuid import UUID

from common.redis import client, shared_client

LIFE_S = 30


def issue(user_id: UUID) -> str:
    """Return a new ticket for ``user_id``, good once and for 30 seconds."""
    ticket = secrets.token_urlsafe(32)
    client().set(_key(ticket), user_id.hex, ex=LIFE_S)
    return ticket


def redeem(ticket: str) -> UUID | None:
    """Return whose ticket it is and use it up; ``None`` if unknown, used or expired."""
    return _owner(client().getdel(_key(ticket)))


async def redeem_async(ticket: str) -> UUID | None:
    """Do what :func:`redeem` does, for the event loop."""
    return _owner(await (await shared_client()).getdel(_key(ticket)))


def _key(ticket: str) -> str:
    # Only a digest is kept: who can read Redis can't take a ticket from it.
    return f"ws-ticket:{hashlib.sha256(ticket.encode()).hexdigest()}"


def _owner(found: object) -> UUID | None:
    return UUID(hex=found) if isinstance(found, str) else None
