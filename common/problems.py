"""Every refusal under /api as RFC 9457 ``application/problem+json``."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from http import HTTPStatus
from typing import Any

from django.core.exceptions import PermissionDenied
from django.db import OperationalError
from django.http import Http404, HttpRequest, JsonResponse
from django.utils.translation import gettext as _
from redis.exceptions import RedisError
from rest_framework import exceptions
from rest_framework.response import Response
from rest_framework.views import exception_handler

from common.errors import DomainError, Invalid, Unavailable

CONTENT_TYPE = "application/problem+json"
RETRY_AFTER_S = 5
LOST = (OperationalError, RedisError)  # a service that we need, for a while


def problem(*, status: int, code: str, detail: str, trace_id: str, **extra: Any) -> dict[str, Any]:
    """Return the body: ``type title status code detail trace_id`` and further members."""
    return {
        "type": f"urn:balrottuieo:problem:{code}",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "code": code,
        "detail": detail,
        "trace_id": trace_id,
        **extra,
    }


def trace_id(request: Any) -> str:
    return str(getattr(request, "trace_id", "") or "")


def handle(error: Exception, context: Mapping[str, Any]) -> Response | None:
    """DRF's ``EXCEPTION_HANDLER``: domain errors, DRF errors and a lost database alike."""
    request = context["request"]
    if isinstance(error, LOST):
        error = Unavailable()
    if isinstance(error, DomainError):
        return _domain(error, trace_id(request))
    response = exception_handler(error, dict(context))
    if response is None:
        return None
    response.data = _from_drf(error, response, trace_id(request))
    response.content_type = CONTENT_TYPE
    return response


def _domain(error: DomainError, trace: str) -> Response:
    extra = dict(error.extra)
    if isinstance(error, Invalid) and error.field:
        extra["errors"] = [{"field": error.field, "code": error.code, "detail": str(error)}]
    body = problem(status=error.status, code=error.code, detail=str(error), trace_id=trace, **extra)
    response = Response(body, status=error.status, content_type=CONTENT_TYPE)
    if isinstance(error, Unavailable) or "retry_after" in error.extra:
        response["Retry-After"] = str(error.extra.get("retry_after", RETRY_AFTER_S))
    return response


def _from_drf(error: Exception, response: Response, trace: str) -> dict[str, Any]:
    if isinstance(error, exceptions.ValidationError):
        return problem(
            status=response.status_code,
            code="invalid",
            detail=_("Please check what you entered."),
            trace_id=trace,
            errors=list(_fields(error.detail)),
        )
    code, detail = _code_and_detail(error)
    return problem(status=response.status_code, code=code, detail=detail, trace_id=trace)


def _code_and_detail(error: Exception) -> tuple[str, str]:
    if isinstance(error, Http404):
        return "not_found", _("Not found.")
    if isinstance(error, PermissionDenied):
        return "not_allowed", _("You are not allowed to do this.")
    if isinstance(error, exceptions.APIException):
        return str(error.get_codes()), str(error.detail)
    return "error", str(error)


def _fields(detail: Any, path: str = "") -> Iterator[dict[str, str]]:
    """Flatten DRF's nested detail to ``field code detail`` rows, fields joined by dots."""
    if isinstance(detail, Mapping):
        for name, inner in detail.items():
            yield from _fields(inner, f"{path}.{name}" if path else str(name))
    elif isinstance(detail, list):
        for index, inner in enumerate(detail):
            nested = isinstance(inner, Mapping | list)
            yield from _fields(inner, f"{path}.{index}" if nested else path)
    else:
        code = str(getattr(detail, "code", None) or "invalid")
        yield {"field": path or "non_field_errors", "code": code, "detail": str(detail)}


def problem_response(request: HttpRequest, *, status: int, code: str, detail: str) -> JsonResponse:
    """The same shape outside DRF: unknown addresses, crashes, oversize bodies."""
    body = problem(status=status, code=code, detail=detail, trace_id=trace_id(request))
    return JsonResponse(
        body, status=status, content_type=CONTENT_TYPE, json_dumps_params={"ensure_ascii": False}
    )
