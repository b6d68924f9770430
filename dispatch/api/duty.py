"""Going on and off duty, and the way to report positions when no socket is open."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.models import User
from accounts.selectors import caller, runner_profile_of
from common import clock
from common.idempotency import answer_once
from common.serializers import PointSerializer, StrictFloatField, StrictSerializer, parsed
from dispatch import services
from dispatch.api.shapes import DutyShape, ReportShape
from dispatch.policy import Fix, clock_behind
from dispatch.protocol import MAX_POINTS
from dispatch.selectors import carried_by


class StartInput(StrictSerializer):
    position = PointSerializer()


class EndInput(StrictSerializer):
    pass


class ReadingInput(StrictSerializer):
    """One reading of the phone's positioning; one that makes no sense is counted, not an error."""

    lat = StrictFloatField(min_value=-90, max_value=90)
    lng = StrictFloatField(min_value=-180, max_value=180)
    accuracy = StrictFloatField(min_value=0, max_value=100_000, help_text="metres")
    recorded_at = serializers.DateTimeField()
    speed = StrictFloatField(
        min_value=0, max_value=1_000, allow_null=True, default=None, help_text="m/s"
    )
    heading = StrictFloatField(
        min_value=0, max_value=360, allow_null=True, default=None, help_text="degrees from north"
    )


class PositionsInput(StrictSerializer):
    points = serializers.ListField(child=ReadingInput(), min_length=1, max_length=MAX_POINTS)
    sent_at = serializers.DateTimeField(
        allow_null=True,
        default=None,
        help_text="by the phone's clock; by how far it is off, `recorded_at` is put right",
    )


def duty_of(user: User) -> dict[str, Any]:
    profile = runner_profile_of(user)
    carried = carried_by([user.pk]).get(user.pk, [])
    shown = SimpleNamespace(
        on_duty=profile.on_duty,
        duty_since=profile.duty_since,
        carried=[errand.pk for errand in carried],
    )
    return dict(DutyShape(shown).data)


class DutyView(APIView):
    @extend_schema(responses=DutyShape, tags=["duty"])
    def get(self, request: Request) -> Response:
        """Tell whether you are on duty, and what you carry."""
        return Response(duty_of(caller(request)))


class DutyStartView(APIView):
    @extend_schema(request=StartInput, responses=DutyShape, tags=["duty"])
    def post(self, request: Request) -> Response:
        """Go on duty at a position; offers come over `/ws/runner/` and `/offers`."""
        given = parsed(StartInput, request.data)
        user = caller(request)

        def work() -> tuple[int, object]:
            services.duty_on(user=user, position=given["position"], now=clock.now())
            return 200, duty_of(user)

        return answer_once(request, work)


class DutyEndView(APIView):
    @extend_schema(request=EndInput, responses=DutyShape, tags=["duty"])
    def post(self, request: Request) -> Response:
        """Go off duty; refused with `still_carrying` while errands are underway."""
        parsed(EndInput, request.data)
        user = caller(request)
        runner_profile_of(user)

        def work() -> tuple[int, object]:
            services.duty_off(user=user, now=clock.now())
            return 200, duty_of(user)

        return answer_once(request, work)


class PositionsView(APIView):
    @extend_schema(request=PositionsInput, responses=ReportShape, tags=["duty"])
    def post(self, request: Request) -> Response:
        """Report where you walked, oldest first. The socket is the better way."""
        given = parsed(PositionsInput, request.data)
        user = caller(request)
        runner_profile_of(user)
        now = clock.now()
        report = services.positions_report(
            user=user, points=[Fix(**point) for point in given["points"]], now=now,
            behind=clock_behind(given["sent_at"], now=now),
        )  # fmt: skip
        return Response(ReportShape(report).data)
