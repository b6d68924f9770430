"""Reviews of an errand, both ways."""

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
from common.serializers import StrictCharField, StrictIntegerField, StrictSerializer, parsed
from errands.api.shapes import ReviewShape
from errands.selectors import errand_seen_by, reviews_shown
from errands.services import review_give


class ReviewInput(StrictSerializer):
    stars = StrictIntegerField(min_value=1, max_value=5)
    tags = serializers.ListField(child=StrictCharField(max_length=20), max_length=5, default=list)
    comment = StrictCharField(max_length=300, allow_blank=True, default="")


class ReviewsView(APIView):
    @extend_schema(responses=ReviewShape(many=True), tags=["reviews"])
    def get(self, request: Request, errand_id: UUID) -> Response:
        """Read the reviews: your own, and the other's once both are given or 7 days passed."""
        errand = errand_seen_by(errand_id=errand_id, user=caller(request))
        found = reviews_shown(errand, user=caller(request), now=clock.now())
        return Response(ReviewShape(found, many=True, context={"request": request}).data)

    @extend_schema(request=ReviewInput, responses={201: ReviewShape}, tags=["reviews"])
    def post(self, request: Request, errand_id: UUID) -> Response:
        """Review the other side, once."""
        given = parsed(ReviewInput, request.data)

        def work() -> tuple[int, object]:
            review = review_give(
                errand_id=errand_id,
                author=caller(request),
                now=clock.now(),
                **given,
            )
            return 201, ReviewShape(review, context={"request": request}).data

        return answer_once(request, work)
