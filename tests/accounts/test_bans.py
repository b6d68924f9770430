"""A ban shuts out at once, on every way in, and its end brings no old session back."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator
from typing import Any
from uuid import UUID

import pytest
from django.test import Client
from pytest_django import DjangoCaptureOnCommitCallbacks

from accounts import services
from accounts.models import RunnerProfile, User
from accounts.signals import duty_changed, user_banned
from common.errors import Conflict, Invalid, NotAllowed
from tests.accounts.conftest import APP, Tokens, log_in, post
from tests.conftest import PASSWORD, make_user

pytestmark = pytest.mark.django_db

LogIn = Callable[[User], Tokens]


@pytest.fixture
def news() -> Iterator[list[UUID]]:
    """Whose bans were announced. Another receiver fails, which must not matter."""
    heard: list[UUID] = []

    def fail(**_news: Any) -> None:
        raise ValueError("a receiver that fails")

    def hear(user_id: UUID, **_rest: Any) -> None:
        heard.append(user_id)

    user_banned.connect(fail)
    user_banned.connect(hear)
    yield heard
    user_banned.disconnect(fail)
    user_banned.disconnect(hear)


def ban(user: User, by: User, reason: str = "Rude again and again.") -> User:
    return services.user_ban(user=user, by=by, reason=reason, now=dt.datetime.now(dt.UTC))


def unban(user: User, by: User) -> User:
    return services.user_unban(user=user, by=by, now=dt.datetime.now(dt.UTC))


def status(tokens: Tokens) -> int:
    return int(Client().get("/api/v1/me", headers=tokens.header).status_code)


def test_tokens_fail_at_once(alice: User, dana: User, tokens: LogIn) -> None:
    mine = tokens(alice)
    assert status(mine) == 200
    ban(alice, dana)
    answer = Client().get("/api/v1/me", headers=mine.header)
    assert answer.status_code == 401
    assert answer["WWW-Authenticate"] == "Bearer"
    assert answer.json()["code"] == "authentication_failed"
    assert post(f"{APP}/tokens/refresh", {"refresh_token": mine.refresh}).status_code == 400


def test_sessions_fail_at_once(alice: User, charlie: User, dana: User) -> None:
    browser, other = Client(), Client()
    browser.force_login(alice)
    other.force_login(charlie)
    ban(alice, dana)
    assert browser.get("/api/v1/me").status_code == 401
    assert other.get("/api/v1/me").status_code == 200


def test_logging_in_fails(alice: User, dana: User, tokens: LogIn) -> None:
    tokens(alice)
    ban(alice, dana)
    answer = post(f"{APP}/auth/login", {"email": alice.email, "password": PASSWORD})
    assert answer.status_code == 401
    assert "access_token" not in answer.json()["meta"]


def test_after_the_ban_only_a_new_log_in_works(alice: User, dana: User, tokens: LogIn) -> None:
    mine = tokens(alice)
    browser = Client()
    browser.force_login(alice)
    ban(alice, dana)
    unban(alice, dana)
    assert status(mine) == 401
    assert browser.get("/api/v1/me").status_code == 401
    assert post(f"{APP}/tokens/refresh", {"refresh_token": mine.refresh}).status_code == 400
    assert status(log_in(alice)) == 200


def test_a_ban_is_kept_with_its_reason(alice: User, dana: User) -> None:
    ban(alice, dana, " Rude. ")
    alice.refresh_from_db()
    assert not alice.is_active
    assert alice.banned_at is not None
    assert alice.ban_reason == "Rude."
    after = unban(User.objects.get(pk=alice.pk), dana)
    assert (after.is_active, after.banned_at, after.ban_reason) == (True, None, "")


def test_a_ban_ends_duty_and_is_announced(
    bob: User,
    dana: User,
    news: list[UUID],
    django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
) -> None:
    duty: list[bool] = []

    def hear(on_duty: bool, **_rest: Any) -> None:
        duty.append(on_duty)

    duty_changed.connect(hear)
    with django_capture_on_commit_callbacks(execute=True):
        ban(bob, dana)
        assert news == []
    assert not RunnerProfile.objects.get().on_duty
    assert news == [bob.pk]
    assert duty == [False]


def test_the_second_ban_loses(
    alice: User,
    dana: User,
    news: list[UUID],
    django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
) -> None:
    stale = User.objects.get(pk=alice.pk)
    with django_capture_on_commit_callbacks(execute=True):
        ban(alice, dana, "First.")
        with pytest.raises(Conflict):
            ban(stale, dana, "Second.")
    assert news == [alice.pk]
    assert User.objects.get(pk=alice.pk).ban_reason == "First."


def test_who_is_not_banned_cannot_be_unbanned(alice: User, dana: User) -> None:
    User.objects.update(is_active=False)
    with pytest.raises(Conflict):
        unban(alice, dana)
    assert not User.objects.get(pk=alice.pk).is_active


@pytest.mark.parametrize("reason", ["", "  ", "가" * 201])
def test_a_ban_needs_a_reason(alice: User, dana: User, reason: str) -> None:
    with pytest.raises(Invalid):
        ban(alice, dana, reason)
    assert User.objects.get(pk=alice.pk).is_active


def test_nobody_bans_himself(dana: User) -> None:
    with pytest.raises(NotAllowed):
        ban(dana, dana)
    assert User.objects.get().is_active


def test_only_an_administrator_bans_an_administrator(dana: User) -> None:
    clerk = make_user("erin")
    with pytest.raises(NotAllowed) as refusal:
        ban(dana, clerk)
    assert refusal.value.code == "superuser_only"
    assert User.objects.get(pk=dana.pk).is_active
