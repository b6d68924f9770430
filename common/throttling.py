"""A narrow limit for what creates or costs; looking has the general one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rest_framework.permissions import SAFE_METHODS
from rest_framework.request import Request
from rest_framework.throttling import ScopedRateThrottle

if TYPE_CHECKING:
    from rest_framework.views import APIView  # which itself imports this class, by the settings


class WriteRateThrottle(ScopedRateThrottle):
    """Counts a view's ``throttle_scope`` for requests that write, and lets the others pass."""

    def allow_request(self, request: Request, view: APIView) -> bool:
        return request.method in SAFE_METHODS or super().allow_request(request, view)
