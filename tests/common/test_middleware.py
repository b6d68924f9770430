"""The short way of those who carry a token: it says what the long one says."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from accounts.models import User
from tests.accounts.conftest import log_in, verified

pytestmark = pytest.mark.django_db

OWN = {"X-Request-ID"}  # another each time


def answers(user: User, path: str, **headers: str) -> tuple[Any, Any]:
    """Ask the short way and, with the cookie of a session, the long one."""
    bearer = {"Authorization": f"Bearer {log_in(verified(user)).access}"}
    browser = Client()
    browser.force_login(user)
    return Client().get(path, headers={**headers, **bearer}), browser.get(path, headers=headers)


@pytest.mark.parametrize("language", ["ko", "en"])
@pytest.mark.parametrize(
    "path",
    [
        "/api/v1/me", "/api/v1/errands?role=requester", "/api/v1/errands?role=king",
        "/api/v1/offers", "/api/v1/errands/018f0000-0000-7000-8000-000000000000",
    ],
)  # fmt: skip
def test_both_ways_answer_the_same(alice: User, path: str, language: str) -> None:
    short, long = answers(alice, path, **{"Accept-Language": language})
    known = {"trace_id": None}
    assert {**short.json(), **known} == {**long.json(), **known}
    assert short.status_code == long.status_code
    assert not hasattr(short.wsgi_request, "session")
    ignored = OWN | {"Vary"}
    assert {name: value for name, value in short.items() if name not in ignored} == {
        name: value for name, value in long.items() if name not in ignored
    }
    assert short["X-Request-ID"] != long["X-Request-ID"]


def test_an_unknown_address_is_a_problem(alice: User) -> None:
    short, long = answers(alice, "/api/v1/nowhere")
    assert short.status_code == long.status_code == 404
    assert short["Content-Type"] == long["Content-Type"] == "application/problem+json"


def test_what_is_no_view_of_the_api_goes_the_long_way(alice: User) -> None:
    """Signing out ends a session: it needs what stands behind."""
    tokens = log_in(verified(alice))
    path = "/api/v1/auth/app/v1/auth/session"
    headers = {"X-Session-Token": tokens.session, **tokens.header}
    answer = Client().get(path, headers=headers)
    assert answer.json()["meta"]["is_authenticated"] is True
    assert hasattr(answer.wsgi_request, "session")


def test_a_foreign_host_is_refused(alice: User, settings: Any) -> None:
    settings.ALLOWED_HOSTS = ["testserver"]
    bearer = log_in(verified(alice)).header
    answer = Client().get("/api/v1/me", headers={**bearer, "Host": "elsewhere.example"})
    assert answer.status_code == 400


def test_a_cookie_beside_a_bad_token_does_not_count(alice: User) -> None:
    browser = Client()
    browser.force_login(alice)
    assert browser.get("/api/v1/me").status_code == 200
    answer = browser.get("/api/v1/me", headers={"Authorization": "Bearer nonsense"})
    assert answer.status_code == 401


@pytest.mark.parametrize("accept", ["", "*/*", "application/json", "text/html, */*;q=0.1"])
def test_whatever_is_accepted_is_json(alice: User, accept: str) -> None:
    for answer in answers(alice, "/api/v1/me", Accept=accept):
        assert answer.status_code == 200
        assert answer["Content-Type"] == "application/json"


def test_what_is_not_json_is_not_to_be_had(alice: User) -> None:
    for answer in answers(alice, "/api/v1/me", Accept="text/html"):
        assert answer.status_code == 406


def test_an_unknown_format_is_not_found(alice: User) -> None:
    for answer in answers(alice, "/api/v1/me?format=xml"):
        assert answer.status_code == 404
