"""Where a runner is going anyway: declared, read, taken back."""

from __future__ import annotations

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.selectors import caller, runner_profile_of
from common import clock
from common.errors import NotFound
from common.idempotency import answer_once
from common.serializers import PointSerializer, StrictIntegerField, StrictSerializer, parsed
from dispatch import services
from dispatch.api.shapes import CorridorShape
from dispatch.selectors import corridor_view, duty_standing


class CorridorInput(StrictSerializer):
    destination = PointSerializer()
    until = serializers.DateTimeField(help_text="at most 12 hours ahead")
    most_added_minutes = StrictIntegerField(min_value=1, max_value=60)


class CorridorView(APIView):
    @extend_schema(operation_id="corridor_read", responses=CorridorShape, tags=["duty"])
    def get(self, request: Request) -> Response:
        """Tell where you are going anyway; 404 when that is not known, or over."""
        user = caller(request)
        runner_profile_of(user)
        _on_duty, corridor = duty_standing(user, now=clock.now())
        if corridor is None:
            raise NotFound
        return Response(corridor_view(corridor))

    @extend_schema(
        operation_id="corridor_declare", request=CorridorInput, responses=CorridorShape,
        tags=["duty"],
    )  # fmt: skip
    def put(self, request: Request) -> Response:
        """Say where you are going anyway, from where you are: errands on the way come first.

        All errands together make the way at most `most_added_minutes` longer. It ends by itself
        at `until`, and when you go off duty; saying it again replaces it.
        """
        given = parsed(CorridorInput, request.data)

        def work() -> tuple[int, object]:
            return 200, corridor_view(
                services.corridor_declare(user=caller(request), now=clock.now(), **given)
            )

        return answer_once(request, work)

    @extend_schema(operation_id="corridor_end", request=None, responses={204: None}, tags=["duty"])
    def delete(self, request: Request) -> Response:
        """Take it back: errands all around are offered again."""
        user = caller(request)
        runner_profile_of(user)
        services.corridor_end(runner_id=user.pk)
        return Response(status=204)
