"""Post an errand, list one's own, look at one and at what happened to it."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import generics, serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.selectors import caller
from common import clock
from common.idempotency import answer_once
from common.pagination import OldestFirst
from common.serializers import (
    StrictBooleanField,
    StrictCharField,
    StrictSerializer,
    WonField,
    parsed,
)
from errands.api.shapes import ErrandDetailShape, ErrandShape, EventShape
from errands.models import STATES, Errand, ErrandEvent, ProofKind
from errands.selectors import errand_seen_by, errands_of, events_of
from errands.services import errand_post
from errands.states import Role, State

OWN_ROLES = [(Role.REQUESTER, "requester"), (Role.RUNNER, "runner")]


class ErrandInput(StrictSerializer):
    quote_id = serializers.UUIDField()
    reward = WonField(min_value=1)
    title = StrictCharField(min_length=2, max_length=60)
    note = StrictCharField(max_length=500, allow_blank=True, default="")
    proof = serializers.ChoiceField(choices=ProofKind.choices, default=ProofKind.PHOTO)
    ask_pickup_pin = StrictBooleanField(default=False)


class ErrandFilter(StrictSerializer):
    role = serializers.ChoiceField(choices=OWN_ROLES, default=None)
    state = serializers.ChoiceField(choices=STATES, default=None)
    # The paginator's own; named here only so that they are not unknown.
    cursor = StrictCharField(required=False)
    page_size = StrictCharField(required=False)


class ErrandsView(generics.ListAPIView[Errand]):
    serializer_class = ErrandShape
    throttle_scope = "post"

    def get_queryset(self) -> QuerySet[Errand]:
        asked = parsed(ErrandFilter, self.request.query_params.dict())
        role, state = asked["role"], asked["state"]
        return errands_of(
            user=caller(self.request),
            role=Role(role) if role else None,
            state=State(state) if state else None,
        )

    @extend_schema(
        parameters=[
            OpenApiParameter("role", enum=[r for r, _label in OWN_ROLES]),
            OpenApiParameter("state", enum=[s.value for s in State]),
        ],
        tags=["errands"],
    )
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """List your errands, newest first."""
        return super().get(request, *args, **kwargs)

    @extend_schema(request=ErrandInput, responses={201: ErrandDetailShape}, tags=["errands"])
    def post(self, request: Request) -> Response:
        """Post an errand at a live quote's price. It opens to runners once `payment` is paid."""
        given = parsed(ErrandInput, request.data)

        def work() -> tuple[int, object]:
            errand = errand_post(requester=caller(request), now=clock.now(), **given)
            return 201, ErrandDetailShape(errand, context={"request": request}).data

        return answer_once(request, work)


class ErrandView(APIView):
    @extend_schema(responses=ErrandDetailShape, tags=["errands"])
    def get(self, request: Request, errand_id: UUID) -> Response:
        """Look at an errand of yours: one you asked for, or one you run."""
        errand = errand_seen_by(errand_id=errand_id, user=caller(request))
        return Response(ErrandDetailShape(errand, context={"request": request}).data)


class EventFilter(StrictSerializer):
    after = serializers.IntegerField(min_value=0, default=0)
    cursor = StrictCharField(required=False)
    page_size = StrictCharField(required=False)


class EventsView(generics.ListAPIView[ErrandEvent]):
    serializer_class = EventShape
    pagination_class = OldestFirst

    def get_queryset(self) -> QuerySet[ErrandEvent]:
        asked = parsed(EventFilter, self.request.query_params.dict())
        user = caller(self.request)
        errand = errand_seen_by(errand_id=self.kwargs["errand_id"], user=user)
        return events_of(errand, after=asked["after"])

    @extend_schema(parameters=[OpenApiParameter("after", int)], tags=["errands"])
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """List what happened to an errand, oldest first, after a sequence number."""
        return super().get(request, *args, **kwargs)
