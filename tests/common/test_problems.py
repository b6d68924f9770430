"""Refusals outside the beaten track: lost database, oversize bodies, trace ids, crashes."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from django.db import OperationalError
from django.http import HttpRequest, HttpResponse
from django.test import RequestFactory
from redis.exceptions import RedisError
from rest_framework.test import APIClient

from accounts.models import User
from common.errors import Conflict, Invalid
from common.middleware import ProblemMiddleware, TraceMiddleware
from common.problems import handle

Client = Callable[[User | None], APIClient]


@pytest.fixture
def request_() -> HttpRequest:
    request = RequestFactory().get("/api/v1/me")
    TraceMiddleware(lambda _request: HttpResponse())(request)
    return request


@pytest.mark.parametrize("error", [OperationalError("gone"), RedisError("gone")])
def test_a_lost_service_is_503_with_retry_after(request_: HttpRequest, error: Exception) -> None:
    response = handle(error, {"request": request_})
    assert response is not None
    assert (response.status_code, response.data["code"]) == (503, "unavailable")
    assert response["Retry-After"] == "5"


@pytest.mark.parametrize("path", ["/api/v1/auth/app/v1/config", "/", "/admin/login/"])
@pytest.mark.parametrize("error", [OperationalError("gone"), RedisError("gone")])
def test_so_it_is_outside_drf(path: str, error: Exception) -> None:
    request = RequestFactory().get(path)
    response = ProblemMiddleware(lambda _request: HttpResponse()).process_exception(request, error)
    assert response is not None
    assert (response.status_code, response["Retry-After"]) == (503, "5")
    if path.startswith("/api/"):
        assert json.loads(response.content)["code"] == "unavailable"
    else:
        assert "잠시 후" in response.content.decode()


def test_a_bug_outside_drf_is_left_to_django() -> None:
    middleware = ProblemMiddleware(lambda _request: HttpResponse())
    assert middleware.process_exception(RequestFactory().get("/"), ZeroDivisionError()) is None


def test_domain_errors_carry_their_extras(request_: HttpRequest) -> None:
    response = handle(Conflict("busy", state="open", retry_after=3), {"request": request_})
    assert response is not None
    assert (response.status_code, response.data["state"]) == (409, "open")
    assert response["Retry-After"] == "3"


def test_a_field_at_fault_is_named(request_: HttpRequest) -> None:
    response = handle(Invalid("too_low", "말이 안 돼요", field="reward"), {"request": request_})
    assert response is not None
    assert response.data["errors"] == [
        {"field": "reward", "code": "too_low", "detail": "말이 안 돼요"}
    ]


def test_a_bug_is_left_to_django(request_: HttpRequest) -> None:
    assert handle(ZeroDivisionError(), {"request": request_}) is None


@pytest.mark.parametrize("status", [400, 403, 404, 500])
def test_pages_under_api_become_problems(status: int) -> None:
    request = RequestFactory().get("/api/v1/x")
    page = HttpResponse("<h1>no</h1>", status=status)
    response = ProblemMiddleware(lambda _request: page)(request)
    assert response["Content-Type"] == "application/problem+json"
    assert response.status_code == status


def test_answers_of_the_api_are_kept_by_nobody() -> None:
    response = ProblemMiddleware(lambda _request: HttpResponse("{}"))(RequestFactory().get("/api/"))
    assert response["Cache-Control"] == "no-store"


def test_pages_elsewhere_stay_pages() -> None:
    page = HttpResponse("<h1>no</h1>", status=404)
    assert ProblemMiddleware(lambda _request: page)(RequestFactory().get("/x")) is page


@pytest.mark.parametrize(
    ("length", "status"), [("262144", 200), ("262145", 413), ("-1", 413), ("x", 413)]
)
def test_the_length_is_looked_at_first(length: str, status: int) -> None:
    request = RequestFactory().post("/api/v1/x", {}, content_type="application/json")
    request.META["CONTENT_LENGTH"] = length
    response = ProblemMiddleware(lambda _request: HttpResponse("fine"))(request)
    assert response.status_code == status


def test_a_body_of_unknown_length_is_refused() -> None:
    """Limits look at Content-Length; what is sent in chunks has none."""
    request = RequestFactory().post(
        "/api/v1/x", {}, content_type="application/json", headers={"Transfer-Encoding": "Chunked"}
    )
    response = ProblemMiddleware(lambda _request: HttpResponse("fine"))(request)
    assert response.status_code == 411
    assert response["Content-Type"] == "application/problem+json"


@pytest.mark.parametrize(("given", "kept"), [("abc-12345", True), ("<script>", False), ("", False)])
def test_a_trace_id_is_kept_if_harmless(given: str, kept: bool) -> None:
    request = RequestFactory().get("/", headers={"X-Request-ID": given})
    response = TraceMiddleware(lambda _request: HttpResponse())(request)
    assert (response["X-Request-ID"] == given) is kept
    assert response["X-Request-ID"]


def test_too_many_requests_say_when_to_come_back(
    alice: User, api: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    from rest_framework.throttling import UserRateThrottle

    rates: dict[str, Any] = {"user": "2/min"}
    monkeypatch.setattr(UserRateThrottle, "THROTTLE_RATES", rates | {"post": None, "anon": None})
    client = api(alice)
    codes = [client.get("/api/v1/balance").status_code for _ in range(3)]
    assert codes == [200, 200, 429]
    response = client.get("/api/v1/balance")
    assert response.json()["code"] == "throttled"
    assert int(response["Retry-After"]) > 0
