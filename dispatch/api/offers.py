"""Offers and errands nearby: yes, no, "I take this one", "I can't after all"."""

from __future__ import annotations

from uuid import UUID

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import generics, serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.selectors import caller
from common import clock
from common.geo import SERVICE_BOX, Point
from common.idempotency import answer_once
from common.pagination import page_of
from common.serializers import StrictCharField, StrictSerializer, parsed
from dispatch import services
from dispatch.api.shapes import AcceptedShape, DroppedShape, NearbyShape, OfferShape
from dispatch.models import Offer, OfferState
from dispatch.selectors import errands_near, offer_list, offer_view, own_offers
from errands.api.shapes import ErrandDetailShape

FURTHEST_M = 5_000


class OffersFilter(StrictSerializer):
    state = serializers.ChoiceField(choices=OfferState.choices, default=None)
    cursor = StrictCharField(required=False)
    page_size = StrictCharField(required=False)


class DeclineInput(StrictSerializer):
    reason = StrictCharField(max_length=100, allow_blank=True, default="")


class DropInput(StrictSerializer):
    reason = StrictCharField(min_length=1, max_length=200)


class Nothing(StrictSerializer):
    pass


class NearbyInput(StrictSerializer):
    lat = serializers.FloatField(min_value=SERVICE_BOX.south, max_value=SERVICE_BOX.north)
    lng = serializers.FloatField(min_value=SERVICE_BOX.west, max_value=SERVICE_BOX.east)
    radius_m = serializers.FloatField(min_value=50, max_value=FURTHEST_M, default=1_000.0)


class OffersView(generics.ListAPIView[Offer]):
    serializer_class = OfferShape

    @extend_schema(
        parameters=[OpenApiParameter("state", enum=OfferState.values)],
        tags=["offers"],
    )
    def get(self, request: Request) -> Response:
        """List the offers made to you, newest first; claims are among them."""
        asked = parsed(OffersFilter, request.query_params.dict())
        return page_of(own_offers(caller(request), state=asked["state"]), self, offer_list)


class OfferAcceptView(APIView):
    @extend_schema(request=Nothing, responses=AcceptedShape, tags=["offers"])
    def post(self, request: Request, offer_id: UUID) -> Response:
        """Take an offered errand, and all of its bundle.

        Too late is `offer_gone`, with the offer's `state`. An errand of the bundle that is gone
        meanwhile is named in `gone`; the others are yours.
        """
        parsed(Nothing, request.data)

        def work() -> tuple[int, object]:
            accepted = services.offer_accept(
                offer_id=offer_id, runner=caller(request), now=clock.now()
            )
            context = {"request": request, "accepted": accepted}
            return 200, AcceptedShape(accepted.errand, context=context).data

        return answer_once(request, work)


class OfferDeclineView(APIView):
    @extend_schema(request=DeclineInput, responses=OfferShape, tags=["offers"])
    def post(self, request: Request, offer_id: UUID) -> Response:
        """Refuse an offer and all of its bundle; you are never offered these errands again."""
        given = parsed(DeclineInput, request.data)

        def work() -> tuple[int, object]:
            offer = services.offer_decline(
                offer_id=offer_id, runner=caller(request), now=clock.now(), **given
            )
            return 200, offer_view(offer)

        return answer_once(request, work)


class NearbyView(APIView):
    @extend_schema(parameters=[NearbyInput], responses=NearbyShape(many=True), tags=["offers"])
    def get(self, request: Request) -> Response:
        """List up to 50 errands you could claim, nearest first."""
        asked = parsed(NearbyInput, request.query_params.dict())
        found = errands_near(
            runner=caller(request),
            point=Point(asked["lat"], asked["lng"]),
            radius_m=asked["radius_m"],
            now=clock.now(),
        )
        return Response(found)


class ClaimView(APIView):
    @extend_schema(request=Nothing, responses=ErrandDetailShape, tags=["offers"])
    def post(self, request: Request, errand_id: UUID) -> Response:
        """Take an open errand from the list of those nearby."""
        parsed(Nothing, request.data)

        def work() -> tuple[int, object]:
            errand = services.errand_claim(
                errand_id=errand_id, runner=caller(request), now=clock.now()
            )
            return 200, ErrandDetailShape(errand, context={"request": request}).data

        return answer_once(request, work)


class DropView(APIView):
    @extend_schema(request=DropInput, responses=DroppedShape, tags=["offers"])
    def post(self, request: Request, errand_id: UUID) -> Response:
        """Give an errand back before its pickup; after the first minute it counts as a strike."""
        given = parsed(DropInput, request.data)

        def work() -> tuple[int, object]:
            errand = services.errand_give_back(
                errand_id=errand_id, runner=caller(request), now=clock.now(), **given
            )
            return 200, DroppedShape(errand).data

        return answer_once(request, work)
