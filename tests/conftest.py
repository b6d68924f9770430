"""The cast: alice asks, bob runs, charlie is a stranger, dana is staff."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from django.core.cache import cache
from django.utils import timezone
from pytest_django import Settings
from rest_framework.test import APIClient

from accounts.models import RunnerProfile, RunnerState, User
from common.redis import client as redis_client
from errands.states import Kind

PASSWORD = "walk-far-2026"  # noqa: S105


@pytest.fixture(autouse=True)
def fresh_redis() -> Iterator[None]:
    """Every test starts with an empty Redis: cache, live positions, channel layer."""
    redis_client().flushdb()
    yield
    cache.close()


@pytest.fixture(autouse=True)
def media(settings: Settings, tmp_path: Path) -> None:
    settings.MEDIA_ROOT = tmp_path / "media"


@pytest.fixture(autouse=True)
def fast_passwords(settings: Settings) -> None:
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


@pytest.fixture
def now() -> dt.datetime:
    return timezone.now()


def make_user(name: str, *, is_staff: bool = False) -> User:
    return User.objects.create_user(
        f"{name}@example.com", PASSWORD, nickname=name, is_staff=is_staff, is_superuser=is_staff
    )


def make_runner(name: str, *, on_duty: bool = True) -> User:
    """A user with an approved application, on duty unless said otherwise."""
    user = make_user(name)
    RunnerProfile.objects.create(
        user=user,
        state=RunnerState.APPROVED,
        birth_date=dt.date(1995, 3, 1),
        kinds=[kind.value for kind in Kind],
        on_duty=on_duty,
        duty_since=timezone.now() if on_duty else None,
    )
    return user


@pytest.fixture
def alice(db: None) -> User:
    return make_user("alice")


@pytest.fixture
def bob(db: None) -> User:
    return make_runner("bob")


@pytest.fixture
def charlie(db: None) -> User:
    return make_user("charlie")


@pytest.fixture
def dana(db: None) -> User:
    return make_user("dana", is_staff=True)


@pytest.fixture
def api() -> Callable[[User | None], APIClient]:
    """Return a client of the REST API that is already logged in as the given user."""

    def client(user: User | None = None) -> APIClient:
        found = APIClient()
        if user is not None:
            found.force_authenticate(user)
        return found

    return client
