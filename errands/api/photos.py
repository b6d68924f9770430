"""Proof photos of an errand."""

from __future__ import annotations

from uuid import UUID

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.parsers import MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.selectors import caller
from common.idempotency import answer_once
from common.serializers import StrictSerializer, parsed
from errands.api.shapes import PhotoShape
from errands.models import PhotoPurpose
from errands.selectors import errand_seen_by, photos_of
from errands.services import PhotoUpload


class PhotoInput(StrictSerializer):
    photo = serializers.FileField()
    purpose = serializers.ChoiceField(choices=PhotoPurpose.choices)


class PhotosView(APIView):
    parser_classes = (MultiPartParser,)
    throttle_scope = "photo"

    @extend_schema(responses=PhotoShape(many=True), tags=["photos"])
    def get(self, request: Request, errand_id: UUID) -> Response:
        """See the proof photos of an errand of yours, oldest first; there are 60 at most."""
        errand = errand_seen_by(errand_id=errand_id, user=caller(request))
        return Response(PhotoShape(photos_of(errand), many=True).data)

    @extend_schema(request=PhotoInput, responses={201: PhotoShape}, tags=["photos"])
    def post(self, request: Request, errand_id: UUID) -> Response:
        """Upload a JPEG, PNG or WebP photo (≤ 10 MB). Its position and metadata are removed."""
        given = parsed(PhotoInput, request.data)
        purpose = PhotoPurpose(given["purpose"])
        with PhotoUpload(errand_id, caller(request), given["photo"], purpose) as photo:
            return answer_once(
                request, lambda: (201, PhotoShape(photo.record()).data), before=photo.store
            )
