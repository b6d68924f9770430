from __future__ import annotations

import re
from typing import Any

import pytest
from django.core.mail import EmailMessage
from django.test import override_settings
from pytest_django import Settings

from accounts.models import User
from balrottuieo import settings as written
from tests.accounts.conftest import APP, log_in, post
from tests.conftest import PASSWORD

pytestmark = pytest.mark.django_db

CODE = re.compile(r"^[A-Z0-9]{4}-[A-Z0-9]{4}$", re.MULTILINE)


def sign_up(**fields: Any) -> Any:
    return post(f"{APP}/auth/signup", {"email": "new@example.com", "password": PASSWORD, **fields})


def code_in(mail: EmailMessage) -> str:
    found = CODE.search(str(mail.body))
    assert found is not None, mail.body
    return found.group()


def verify(answer: Any, code: str) -> Any:
    session = answer.json()["meta"]["session_token"]
    return post(f"{APP}/auth/email/verify", {"key": code}, **{"X-Session-Token": session})


def test_sign_up_verify_and_be_logged_in(mailoutbox: list[EmailMessage]) -> None:
    answer = sign_up(email="New@Example.COM", nickname="  둘리 ")
    assert answer.status_code == 401
    assert {"id": "verify_email", "is_pending": True} in answer.json()["data"]["flows"]
    assert "access_token" not in answer.json()["meta"]
    assert mailoutbox[0].subject.startswith("[발로뛰어] ")
    assert "testserver" not in str(mailoutbox[0].body)
    done = verify(answer, code_in(mailoutbox[0]))
    assert done.status_code == 200
    assert done.json()["meta"]["access_token"]
    user = User.objects.get()
    assert (user.email, user.nickname) == ("new@example.com", "둘리")
    assert log_in(user).access


def test_without_a_nickname_one_is_given() -> None:
    sign_up()
    assert re.fullmatch(r"\S+ \S+ \d{4}", User.objects.get().nickname)


def test_a_wrong_code_logs_nobody_in(mailoutbox: list[EmailMessage]) -> None:
    answer = sign_up()
    refused = verify(answer, "AAAA-AAAA")
    assert refused.status_code == 400
    assert refused.json()["errors"][0]["code"] == "incorrect_code"
    assert User.objects.get().last_login is None


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"nickname": "a\nb"}, "nickname"),
        ({"nickname": "a"}, "nickname"),
        ({"nickname": "가" * 31}, "nickname"),
        ({"nickname": "a\x00b"}, "nickname"),
        ({"email": "nobody"}, "email"),
        ({"email": 5}, "email"),
        ({"email": ["x@example.com"]}, "email"),
        ({"password": "1234"}, "password"),
        ({"password": "password"}, "password"),
        ({"password": None}, "password"),
    ],
)
def test_bad_input_makes_no_user(fields: dict[str, Any], param: str) -> None:
    answer = sign_up(**fields)
    assert answer.status_code == 400
    assert param in {error["param"] for error in answer.json()["errors"]}
    assert not User.objects.exists()


def test_a_taken_address_is_not_given_away(alice: User, mailoutbox: list[EmailMessage]) -> None:
    answer, other = sign_up(email="ALICE@example.com"), sign_up()
    assert answer.status_code == other.status_code == 401
    assert answer.json()["data"] == other.json()["data"]
    assert User.objects.filter(email="alice@example.com").count() == 1
    assert CODE.search(str(mailoutbox[0].body)) is None


def test_the_sandbox_asks_for_no_code(settings: Settings) -> None:
    settings.ACCOUNT_EMAIL_VERIFICATION = "none"
    settings.ACCOUNT_EMAIL_VERIFICATION_BY_CODE_ENABLED = False
    assert sign_up().json()["meta"]["access_token"]


def test_a_forgotten_password_is_reset_by_code(alice: User, mailoutbox: list[EmailMessage]) -> None:
    asked = post(f"{APP}/auth/password/request", {"email": alice.email})
    session = asked.json()["meta"]["session_token"]
    body = {"key": code_in(mailoutbox[0]), "password": "another-walk-2026"}
    post(f"{APP}/auth/password/reset", body, **{"X-Session-Token": session})
    alice.refresh_from_db()
    assert alice.check_password("another-walk-2026")


def test_passwords_are_kept_with_argon2() -> None:
    # The tests' own hasher is a fast one, so this asks what is written in the settings.
    with override_settings(PASSWORD_HASHERS=written.PASSWORD_HASHERS):
        user = User.objects.create_user("new@example.com", PASSWORD)
    assert user.password.startswith("argon2$argon2id$")
