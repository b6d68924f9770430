"""REST about oneself: the account, the runner application, tickets for WebSockets."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts import policy, services, tickets
from accounts.models import RunnerProfile, User
from accounts.selectors import application_of, caller
from common import clock
from common.addresses import sockets_origin
from common.idempotency import answer_once
from common.serializers import StrictCharField, StrictIntegerField, StrictSerializer, parsed


class RunnerProfileShape(serializers.ModelSerializer[RunnerProfile]):
    kinds = serializers.ListField(child=serializers.CharField(), read_only=True)

    class Meta:
        model = RunnerProfile
        fields = [
            "id", "state", "on_duty", "duty_since", "birth_date", "introduction", "kinds",
            "max_kg", "max_bags", "review_note", "reviewed_at", "created_at",
        ]  # fmt: skip
        read_only_fields = fields


class RunningShape(serializers.ModelSerializer[RunnerProfile]):
    class Meta:
        model = RunnerProfile
        fields = ["state", "on_duty"]
        read_only_fields = fields


class MeShape(serializers.ModelSerializer[User]):
    runner = RunningShape(source="runner_profile", allow_null=True, default=None, read_only=True)

    class Meta:
        model = User
        fields = ["id", "email", "nickname", "is_staff", "created_at", "runner"]
        read_only_fields = fields


class MeInput(StrictSerializer):
    nickname = StrictCharField(min_length=policy.NICKNAME_MIN, max_length=policy.NICKNAME_MAX)


class MeView(APIView):
    @extend_schema(operation_id="me_read", responses=MeShape, tags=["me"])
    def get(self, request: Request) -> Response:
        """Who I am, and whether I may run."""
        return Response(MeShape(caller(request)).data)

    @extend_schema(operation_id="me_change", request=MeInput, responses=MeShape, tags=["me"])
    def patch(self, request: Request) -> Response:
        """Change my nickname."""
        data = parsed(MeInput, request.data)
        user = services.user_rename(user=caller(request), nickname=data["nickname"])
        return Response(MeShape(user).data)


class RunnerProfileInput(StrictSerializer):
    birth_date = serializers.DateField()
    introduction = StrictCharField(max_length=300, allow_blank=True, default="")
    kinds = serializers.ListField(
        child=StrictCharField(), min_length=1, max_length=len(policy.KINDS)
    )
    max_kg = StrictIntegerField(min_value=1, max_value=policy.MAX_KG, default=10)
    max_bags = StrictIntegerField(min_value=1, max_value=policy.MAX_BAGS, default=2)


class RunnerProfileView(APIView):
    @extend_schema(operation_id="runner_profile_read", responses=RunnerProfileShape, tags=["me"])
    def get(self, request: Request) -> Response:
        """My application as a runner, and what staff said about it."""
        return Response(RunnerProfileShape(application_of(caller(request))).data)

    @extend_schema(
        operation_id="runner_apply",
        request=RunnerProfileInput,
        responses={201: RunnerProfileShape},
        tags=["me"],
    )
    def post(self, request: Request) -> Response:
        """Apply to run at 19 or older, for the first time or again after a rejection."""
        data = parsed(RunnerProfileInput, request.data)

        def work() -> tuple[int, object]:
            profile = services.runner_apply(user=caller(request), now=clock.now(), **data)
            return 201, RunnerProfileShape(profile).data

        return answer_once(request, work)


class TicketShape(serializers.Serializer[Any]):
    ticket = serializers.CharField()
    expires_at = serializers.DateTimeField()
    origin = serializers.CharField(help_text="ws(s)://host:port, where all WebSockets are")


class TicketsView(APIView):
    throttle_scope = "ticket"

    @extend_schema(
        operation_id="ws_ticket_create", request=None, responses={201: TicketShape}, tags=["me"]
    )
    def post(self, request: Request) -> Response:
        """Get a ticket for the ``?ticket=`` of one WebSocket: good once, for 30 seconds.

        An Idempotency-Key changes nothing here: to keep the answer would be to keep a secret.
        """
        parsed(StrictSerializer, request.data)
        expires_at = clock.now() + timedelta(seconds=tickets.LIFE_S)
        answer = {
            "ticket": tickets.issue(caller(request).pk),
            "expires_at": expires_at,
            "origin": sockets_origin(request),
        }
        return Response(TicketShape(answer).data, status=201)
