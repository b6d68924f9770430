"""The public tracking link."""

from __future__ import annotations

from django.utils.decorators import method_decorator
from django.views.decorators.cache import never_cache
from drf_spectacular.utils import extend_schema
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from common import clock
from dispatch.api.shapes import TrackShape
from dispatch.selectors import tracking


@method_decorator(never_cache, name="dispatch")
class TrackView(APIView):
    permission_classes = [AllowAny]

    @extend_schema(responses=TrackShape, auth=[], tags=["tracking"])
    def get(self, request: Request, token: str) -> Response:
        """Follow an errand by its link, until 24 h after its end."""
        return Response(tracking(token, now=clock.now()))
