"""What every request passes: a trace id, a body limit, problem+json for what DRF never sees.

And a short way for whoever carries a token.
"""

from __future__ import annotations

import functools
import logging
import re
import uuid
from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import render
from django.template.response import SimpleTemplateResponse
from django.urls import Resolver404, ResolverMatch, resolve
from django.utils.translation import gettext as _
from rest_framework.views import APIView

from common.errors import Unavailable
from common.problems import LOST, RETRY_AFTER_S, problem_response

logger = logging.getLogger(__name__)

Handler = Callable[[HttpRequest], HttpResponseBase]

TRACE = re.compile(r"[A-Za-z0-9-]{8,64}")
API_PREFIX = "/api/"
BEARER = "Bearer "
REMEMBERED_PATHS = 256


class TraceMiddleware:
    """Name each request; the name is in every problem body and in ``X-Request-ID``."""

    def __init__(self, get_response: Handler) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        given = request.headers.get("X-Request-ID", "")
        trace = given if TRACE.fullmatch(given) else uuid.uuid4().hex
        request.trace_id = trace  # type: ignore[attr-defined]
        response = self.get_response(request)
        response["X-Request-ID"] = trace
        return response


class ProblemMiddleware:
    """Answer as each audience understands: problem+json under /api, pages elsewhere.

    Under /api also refuse oversize bodies early. A lost database or Redis is 503 everywhere.
    """

    def __init__(self, get_response: Handler) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        if not request.path.startswith(API_PREFIX):
            return self.get_response(request)
        if "chunked" in request.headers.get("Transfer-Encoding", "").lower():
            # Nobody can say how much is to come, and the parsers would read all of it.
            return problem_response(
                request, status=411, code="length_required", detail=_("Content-Length is missing.")
            )
        if _too_large(request):
            return problem_response(
                request, status=413, code="too_large", detail=_("The request is too large.")
            )
        response = _as_problem(request, self.get_response(request))
        # Answers hold PINs, balances and addresses: no proxy or browser may keep them.
        response.setdefault("Cache-Control", "no-store")
        return response

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse | None:
        """What a view outside DRF, which has a handler of its own, could not reach."""
        if not isinstance(error, LOST):
            return None
        logger.warning("%s could not be answered: %r", request.path, error)
        busy = Unavailable()
        if request.path.startswith(API_PREFIX):
            response: HttpResponse = problem_response(
                request, status=busy.status, code=busy.code, detail=str(busy)
            )
        else:
            response = render(request, "503.html", status=busy.status)
        response["Retry-After"] = str(RETRY_AFTER_S)
        return response


class BearerMiddleware:
    """Send who carries a token straight to an API view: what stands behind needs a cookie.

    That is sessions, CSRF, messages and allauth's own; and addresses are not looked up again.
    DRF's views handle their errors and say no to a token that is not good.
    """

    def __init__(self, get_response: Handler) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        if not request.META.get("HTTP_AUTHORIZATION", "").startswith(BEARER):
            return self.get_response(request)
        try:
            match = _match(request.path_info, settings.ROOT_URLCONF)
        except Resolver404:
            return self.get_response(request)
        if not issubclass(getattr(match.func, "cls", object), APIView):
            return self.get_response(request)
        request.resolver_match = match
        response: HttpResponseBase = match.func(request, *match.args, **match.kwargs)
        return response.render() if isinstance(response, SimpleTemplateResponse) else response


@functools.lru_cache(REMEMBERED_PATHS)
def _match(path: str, urls: str) -> ResolverMatch:
    """Raises Resolver404, which is not remembered."""
    return resolve(path, urls)


def _too_large(request: HttpRequest) -> bool:
    length = request.headers.get("Content-Length") or "0"
    upload = request.headers.get("Content-Type", "").startswith("multipart/")
    limit = settings.UPLOAD_MAX_BYTES if upload else settings.DATA_UPLOAD_MAX_MEMORY_SIZE
    return not length.isdecimal() or int(length) > limit


def _as_problem(request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
    html = response.get("Content-Type", "").startswith("text/html")
    if not (isinstance(response, HttpResponse) and html and response.status_code >= 400):
        return response
    code, detail = {
        404: ("not_found", _("Not found.")),
        400: ("bad_request", _("The request can't be carried out.")),
        403: ("not_allowed", _("You are not allowed to do this.")),
    }.get(response.status_code, ("error", _("Something went wrong on our side.")))
    return problem_response(request, status=response.status_code, code=code, detail=detail)
