from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jwt
import pytest
from django.test import Client

from accounts.models import User
from tests.accounts.conftest import APP, BROWSER, Tokens, post, verified
from tests.conftest import PASSWORD

pytestmark = pytest.mark.django_db

LogIn = Callable[[User], Tokens]


def me(**headers: str) -> Any:
    return Client().get("/api/v1/me", headers=headers)


def test_an_access_token_says_who_calls(alice: User, tokens: LogIn) -> None:
    answer = me(**tokens(alice).header)
    assert answer.status_code == 200
    assert answer.json()["email"] == alice.email


def test_access_tokens_are_signed_with_a_key_pair(alice: User, tokens: LogIn) -> None:
    token = tokens(alice).access
    assert jwt.get_unverified_header(token)["alg"] == "RS256"
    claims = jwt.decode(token, options={"verify_signature": False})
    assert claims["exp"] - claims["iat"] == 600


@pytest.mark.parametrize(
    "header", ["Bearer nonsense", "Bearer", "Bearer a b", "Basic YWxpY2U6eA==", "Bearer é"]
)
def test_other_headers_are_401(alice: User, header: str) -> None:
    answer = me(Authorization=header)
    assert answer.status_code == 401
    assert answer["WWW-Authenticate"] == "Bearer"
    assert answer["Content-Type"] == "application/problem+json"


def test_a_refresh_token_is_no_access_token(alice: User, tokens: LogIn) -> None:
    assert me(Authorization=f"Bearer {tokens(alice).refresh}").status_code == 401


def test_a_token_of_another_key_is_401(alice: User, tokens: LogIn) -> None:
    claims = jwt.decode(tokens(alice).access, options={"verify_signature": False})
    forged = jwt.encode(claims, "another-secret-of-thirty-two-bytes-or-more", algorithm="HS256")
    assert me(Authorization=f"Bearer {forged}").status_code == 401


def test_refreshing_rotates_the_refresh_token(alice: User, tokens: LogIn) -> None:
    first = tokens(alice).refresh
    answer = post(f"{APP}/tokens/refresh", {"refresh_token": first})
    assert answer.status_code == 200
    renewed = answer.json()["data"]
    assert renewed["refresh_token"] != first
    assert me(Authorization=f"Bearer {renewed['access_token']}").status_code == 200
    assert post(f"{APP}/tokens/refresh", {"refresh_token": first}).status_code == 400
    body = {"refresh_token": renewed["refresh_token"]}
    assert post(f"{APP}/tokens/refresh", body).status_code == 200


def test_logging_out_ends_the_tokens(alice: User, tokens: LogIn) -> None:
    mine = tokens(alice)
    Client().delete(f"{APP}/auth/session", headers={"X-Session-Token": mine.session})
    assert me(**mine.header).status_code == 401
    assert post(f"{APP}/tokens/refresh", {"refresh_token": mine.refresh}).status_code == 400


def test_a_new_password_ends_the_tokens(alice: User, tokens: LogIn) -> None:
    mine = tokens(alice)
    alice.set_password("another-walk-2026")
    alice.save()
    assert me(**mine.header).status_code == 401


def test_a_deleted_users_token_is_401(alice: User, tokens: LogIn) -> None:
    mine = tokens(alice)
    alice.delete()
    assert me(**mine.header).status_code == 401
    assert post(f"{APP}/tokens/refresh", {"refresh_token": mine.refresh}).status_code == 400


def test_the_address_is_looked_up_in_any_case(alice: User) -> None:
    verified(alice)
    body = {"email": "Alice@Example.com", "password": PASSWORD}
    assert post(f"{APP}/auth/login", body).status_code == 200


@pytest.mark.parametrize("email", ["alice@example.com", "nobody@example.com"])
def test_a_wrong_password_says_nothing_about_the_address(alice: User, email: str) -> None:
    verified(alice)
    answer = post(f"{APP}/auth/login", {"email": email, "password": "wrong-wrong"})
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["code"] == "email_password_mismatch"


def test_an_unverified_address_gets_no_token(alice: User) -> None:
    answer = post(f"{APP}/auth/login", {"email": alice.email, "password": PASSWORD})
    assert answer.status_code == 401
    assert "access_token" not in answer.json()["meta"]


def test_guessing_is_slowed_down(alice: User) -> None:
    verified(alice)
    body = {"email": alice.email, "password": "wrong-wrong"}
    for _time in range(5):
        assert post(f"{APP}/auth/login", body).status_code == 400
    right = post(f"{APP}/auth/login", {**body, "password": PASSWORD})
    assert right.status_code == 400
    assert "access_token" not in right.content.decode()


@pytest.mark.parametrize("body", ["{bad", "[]", '"x"', "\xff"])
def test_malformed_bodies_are_problems(body: str) -> None:
    answer = Client().post(f"{APP}/auth/login", body, content_type="application/json")
    assert answer.status_code == 400
    assert answer.json()["code"] == "bad_request"


WRONG: list[object] = [5, True, None, [], ["x"], {}, {"a": 1}, "\x00", "가" * 10_000]


@pytest.mark.parametrize("wrong", WRONG)
@pytest.mark.parametrize(
    ("path", "field"),
    [
        ("auth/login", "email"),
        ("auth/login", "password"),
        ("tokens/refresh", "refresh_token"),
        ("auth/password/request", "email"),
        ("auth/email/verify", "key"),
    ],
)
def test_wrong_types_are_refused(path: str, field: str, wrong: object) -> None:
    body = {"email": "alice@example.com", "password": PASSWORD, field: wrong}
    answer = post(f"{APP}/{path}", body)
    assert 400 <= answer.status_code < 500, answer.content


class TestBrowser:
    def browser(self) -> Client:
        client = Client(enforce_csrf_checks=True)
        client.get(f"{BROWSER}/auth/session")
        return client

    def token(self, client: Client) -> dict[str, str]:
        return {"X-CSRFToken": client.cookies["csrftoken"].value}

    def logged_in(self, user: User) -> Client:
        client = self.browser()
        body = {"email": verified(user).email, "password": PASSWORD}
        answer = post(f"{BROWSER}/auth/login", body, client, **self.token(client))
        assert answer.status_code == 200
        assert "access_token" not in answer.json()["meta"]
        return client

    def test_the_session_cookie_says_who_calls(self, alice: User) -> None:
        client = self.logged_in(alice)
        assert client.cookies["sessionid"]["httponly"]
        assert client.get("/api/v1/me").json()["email"] == alice.email

    def test_logging_in_needs_the_csrf_token(self, alice: User) -> None:
        client = self.browser()
        body = {"email": verified(alice).email, "password": PASSWORD}
        assert post(f"{BROWSER}/auth/login", body, client).status_code == 403
        assert client.get("/api/v1/me").status_code == 401

    def test_writing_needs_the_csrf_token(self, alice: User) -> None:
        client = self.logged_in(alice)
        answer = client.patch("/api/v1/me", {"nickname": "둘리"}, content_type="application/json")
        assert answer.status_code == 403
        assert answer["Content-Type"] == "application/problem+json"
        alice.refresh_from_db()
        assert alice.nickname == "alice"
        answer = client.patch(
            "/api/v1/me", {"nickname": "둘리"}, "application/json", headers=self.token(client)
        )
        assert answer.status_code == 200
