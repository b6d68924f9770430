"""People who look at their errands, logged in; and the words the peer needs to say the same.

Runs where models are known.
"""

from __future__ import annotations

from uuid import UUID

from allauth.headless.tokens.strategies.jwt.internal import create_access_token
from django.conf import settings
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from django.contrib.sessions.backends.cached_db import SessionStore
from django.utils import translation

from accounts.models import User
from benchmarks.sides import city
from errands.api.shapes import LINE_LABELS
from errands.models import Errand, label_of
from errands.states import Kind, Role, State, moves_from

ERRANDS = 20  # a whole page, and no other
TAKEN = 10  # of these somebody runs


def log_in(count: int) -> list[tuple[str, str]]:
    """Make people with a page of errands each; return the id and an access token of each."""
    ids = city.requesters(count)
    (runner,) = city.hire(1)
    for each in ids:
        posted = city.post(ERRANDS, each)
        Errand.objects.filter(pk__in=posted[:TAKEN]).update(
            runner=UUID(runner), state=State.ASSIGNED, version=3
        )
    return [(each, _token(User.objects.get(pk=each))) for each in ids]


def _token(user: User) -> str:
    session = SessionStore()
    session[SESSION_KEY] = str(user.pk)
    session[BACKEND_SESSION_KEY] = settings.AUTHENTICATION_BACKENDS[0]
    session[HASH_SESSION_KEY] = user.get_session_auth_hash()
    session.save()
    token: str = create_access_token(user, session, {})
    return token


def words() -> dict[str, object]:
    """State labels by kind, names of price lines, and the moves by kind, state and role."""
    with translation.override(settings.LANGUAGE_CODE):
        labels = {
            kind.value: {state.value: str(label_of(state, kind)) for state in State}
            for kind in Kind
        }
        lines = {code: str(label) for code, label in LINE_LABELS.items()}
    return {"labels": labels, "lines": lines, "moves": {kind.value: _moves(kind) for kind in Kind}}


def _moves(kind: Kind) -> dict[str, dict[str, list[str]]]:
    return {
        state.value: {
            role.value: [move.value for move in moves_from(state, kind=kind, role=role)]
            for role in (Role.REQUESTER, Role.RUNNER)
        }
        for state in State
    }
