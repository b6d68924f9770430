from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.utils import timezone
from rest_framework.test import APIClient

from accounts.models import RunnerProfile, User

pytestmark = pytest.mark.django_db

Api = Callable[[User | None], APIClient]
ME = "/api/v1/me"


def test_reading_oneself(api: Api, alice: User) -> None:
    assert api(alice).get(ME).json() == {
        "id": str(alice.pk),
        "email": "alice@example.com",
        "nickname": "alice",
        "is_staff": False,
        "created_at": timezone.localtime(alice.created_at).isoformat(),
        "runner": None,
    }


def test_a_runner_sees_the_state_of_running(api: Api, bob: User) -> None:
    assert api(bob).get(ME).json()["runner"] == {"state": "approved", "on_duty": True}


def test_nobody_is_401(api: Api) -> None:
    answer = api(None).get(ME)
    assert answer.status_code == 401
    assert answer["WWW-Authenticate"] == "Bearer"
    assert answer.json()["code"] == "not_authenticated"


def test_another_nickname(api: Api, alice: User, charlie: User) -> None:
    answer = api(alice).patch(ME, {"nickname": " 둘리 "})
    assert answer.status_code == 200
    assert answer.json()["nickname"] == "둘리"
    alice.refresh_from_db()
    charlie.refresh_from_db()
    assert (alice.nickname, charlie.nickname) == ("둘리", "charlie")


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "nickname"),
        ({"nickname": ""}, "nickname"),
        ({"nickname": "a"}, "nickname"),
        ({"nickname": "가" * 31}, "nickname"),
        ({"nickname": "a\nb"}, "nickname"),
        ({"nickname": "a\x00b"}, "nickname"),
        ({"nickname": "a\u202eb"}, "nickname"),
        ({"nickname": None}, "nickname"),
        ({"nickname": ["둘리"]}, "nickname"),
        ({"nickname": True}, "nickname"),
        ({"nickname": 12345}, "nickname"),
        ({"nickname": "둘리", "email": "other@example.com"}, "email"),
        ({"nickname": "둘리", "is_staff": True}, "is_staff"),
    ],
)
def test_bad_input_changes_nothing(api: Api, alice: User, body: dict[str, Any], field: str) -> None:
    answer = api(alice).patch(ME, body)
    assert answer.status_code == 400
    assert field in {error["field"] for error in answer.json()["errors"]}
    alice.refresh_from_db()
    assert (alice.nickname, alice.email, alice.is_staff) == ("alice", "alice@example.com", False)


@pytest.mark.parametrize("body", ["{bad", "[]", '"nickname"', "null"])
def test_a_malformed_body_is_a_problem(api: Api, alice: User, body: str) -> None:
    answer = api(alice).generic("PATCH", ME, body, content_type="application/json")
    assert answer.status_code == 400
    assert answer["Content-Type"] == "application/problem+json"


def test_an_oversize_body_is_413(api: Api, alice: User) -> None:
    assert api(alice).patch(ME, {"nickname": "가" * 300_000}).status_code == 413


def test_other_methods_are_405(api: Api, bob: User) -> None:
    assert api(bob).delete(ME).status_code == 405
    assert RunnerProfile.objects.count() == User.objects.count() == 1
