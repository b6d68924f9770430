"""Post an errand, list one's own, look at one and at what happened to it."""

from __future__ import annotations

from uuid import UUID

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import generics, serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.selectors import caller
from common import clock
from common.idempotency import answer_once
from common.pagination import OldestFirst, page_of
from common.serializers import (
    StrictBooleanField,
    StrictCharField,
    StrictSerializer,
    WonField,
    parsed,
)
from errands.api.rows import errand_list, event_list
from errands.api.shapes import ErrandDetailShape, ErrandShape, EventShape
from errands.models import STATES, Errand, ErrandEvent, ProofKind
from errands.selectors import errand_seen_by, events_seen_by, own_errands
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

    @extend_schema(
        parameters=[
            OpenApiParameter("role", enum=[r for r, _label in OWN_ROLES]),
            OpenApiParameter("state", enum=[s.value for s in State]),
        ],
        tags=["errands"],
    )
    def get(self, request: Request) -> Response:
        """List your errands, newest first."""
        asked = parsed(ErrandFilter, request.query_params.dict())
        user, role, state = caller(request), asked["role"], asked["state"]
        found = own_errands(
            user=user, role=Role(role) if role else None, state=State(state) if state else None
        )
        return page_of(found, self, lambda page: errand_list(page, user=user))

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

    @extend_schema(parameters=[OpenApiParameter("after", int)], tags=["errands"])
    def get(self, request: Request, errand_id: UUID) -> Response:
        """List what happened to an errand, oldest first, after a sequence number."""
        asked = parsed(EventFilter, request.query_params.dict())
        found = events_seen_by(errand_id=errand_id, user=caller(request), after=asked["after"])
        return page_of(found, self, event_list)
