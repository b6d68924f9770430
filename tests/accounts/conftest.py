"""People who log in for real: through the headless endpoints, with verified addresses."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import pytest
from allauth.account.models import EmailAddress
from django.test import Client

from accounts.models import User
from tests.conftest import PASSWORD

APP = "/api/v1/auth/app/v1"
BROWSER = "/api/v1/auth/browser/v1"


class Tokens(NamedTuple):
    access: str
    refresh: str
    session: str

    @property
    def header(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.access}"}


def post(path: str, body: dict[str, Any], client: Client | None = None, **headers: str) -> Any:
    """Post JSON; return the response."""
    return (client or Client()).post(path, body, content_type="application/json", headers=headers)


def verified(user: User) -> User:
    EmailAddress.objects.create(user=user, email=user.email, verified=True, primary=True)
    return user


def log_in(user: User) -> Tokens:
    """Log in as the mobile app does."""
    answer = post(f"{APP}/auth/login", {"email": user.email, "password": PASSWORD})
    assert answer.status_code == 200, answer.content
    meta = answer.json()["meta"]
    return Tokens(meta["access_token"], meta["refresh_token"], meta["session_token"])


@pytest.fixture
def tokens() -> Callable[[User], Tokens]:
    """Log a user in whose address is verified."""
    return lambda user: log_in(verified(user))
