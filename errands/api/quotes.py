"""Ask what an errand costs."""

from __future__ import annotations

from uuid import UUID

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.selectors import caller
from common import clock
from common.idempotency import answer_once
from common.serializers import (
    PointSerializer,
    StrictCharField,
    StrictIntegerField,
    StrictSerializer,
    WonField,
    parsed,
)
from errands.api.shapes import QuoteShape
from errands.models import KINDS
from errands.policy import MOST_BUDGET
from errands.selectors import quote_of
from errands.services import quote_create


class QuoteInput(StrictSerializer):
    kind = serializers.ChoiceField(choices=KINDS)
    pickup = PointSerializer()
    pickup_address = StrictCharField(max_length=120)
    dropoff = PointSerializer(allow_null=True, default=None)
    dropoff_address = StrictCharField(max_length=120, allow_blank=True, default="")
    weight_kg = StrictIntegerField(min_value=0, max_value=20, default=1)
    bags = StrictIntegerField(min_value=0, max_value=4, default=1)
    floors = StrictIntegerField(min_value=0, max_value=30, default=0)
    expected_minutes = StrictIntegerField(min_value=0, max_value=240, default=5)
    budget = WonField(min_value=0, max_value=MOST_BUDGET, default=0)
    starts_at = serializers.DateTimeField(allow_null=True, default=None)
    deadline_at = serializers.DateTimeField(allow_null=True, default=None)


class QuotesView(APIView):
    throttle_scope = "post"

    @extend_schema(request=QuoteInput, responses={201: QuoteShape}, tags=["quotes"])
    def post(self, request: Request) -> Response:
        """Price an errand. The quote stands for 15 minutes; nothing is posted yet."""
        asked = parsed(QuoteInput, request.data)

        def work() -> tuple[int, object]:
            quote = quote_create(requester=caller(request), now=clock.now(), **asked)
            return 201, QuoteShape(quote).data

        return answer_once(request, work)


class QuoteView(APIView):
    @extend_schema(responses=QuoteShape, tags=["quotes"])
    def get(self, request: Request, quote_id: UUID) -> Response:
        """Read one of your own quotes."""
        return Response(QuoteShape(quote_of(quote_id=quote_id, requester=caller(request))).data)
