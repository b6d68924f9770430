"""What the API says about duty, offers and tracked errands."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from drf_spectacular.utils import extend_schema_field, inline_serializer
from rest_framework import serializers

from dispatch.models import OfferState
from errands.api.shapes import ErrandDetailShape
from errands.models import KINDS, STATES, Errand


class PositionShape(serializers.Serializer[Any]):
    lat = serializers.FloatField()
    lng = serializers.FloatField()


class DutyShape(serializers.Serializer[Any]):
    on_duty = serializers.BooleanField()
    duty_since = serializers.DateTimeField(allow_null=True)
    carried = serializers.ListField(
        child=serializers.UUIDField(), help_text="errands underway, in the order of acceptance"
    )


class CorridorShape(serializers.Serializer[Any]):
    """Made by ``selectors.corridor_view``; also in the ``hello`` of the socket."""

    destination = PositionShape()
    until = serializers.DateTimeField()
    most_added_minutes = serializers.IntegerField(help_text="of walking, by all errands together")


class ReportShape(serializers.Serializer[Any]):
    """``refused`` counts points by reason."""

    kept = serializers.IntegerField()
    refused = serializers.DictField(child=serializers.IntegerField())


class BlockShape(serializers.Serializer[Any]):
    """The middle of a block of about 150 m."""

    lat = serializers.FloatField()
    lng = serializers.FloatField()


class CoarseShape(serializers.Serializer[Any]):
    """An errand before it is the runner's own: blocks instead of addresses."""

    errand_id = serializers.UUIDField()
    kind = serializers.ChoiceField(choices=KINDS)
    title = serializers.CharField()
    pickup = BlockShape()
    dropoff = BlockShape(allow_null=True)
    weight_kg = serializers.IntegerField()
    bags = serializers.IntegerField()
    budget = serializers.IntegerField(help_text="won to lay out for the goods at most")
    pay = serializers.IntegerField(help_text="won")


class NearbyShape(CoarseShape):
    walking_minutes = serializers.FloatField(help_text="whole, from the pickup to the destination")
    distance_m = serializers.IntegerField(help_text="to the block of the pickup")


class OfferShape(CoarseShape):
    """Also what goes over the socket: made by ``selectors.offer_view``."""

    id = serializers.UUIDField()
    state = serializers.ChoiceField(choices=OfferState.choices)
    added_minutes = serializers.FloatField(help_text="whole; of walking")
    total_minutes = serializers.FloatField(help_text="whole; walking, waiting and doors")
    bundle = serializers.UUIDField(
        allow_null=True, help_text="the same for offers made together; answering one answers all"
    )
    bundle_size = serializers.IntegerField(help_text="how many were offered together, 1 to 3")
    expires_at = serializers.DateTimeField()


class AcceptedShape(ErrandDetailShape):
    """The errand asked for (of a bundle the next one still to be had), and what came with it."""

    accepted = serializers.SerializerMethodField()
    gone = serializers.SerializerMethodField()

    class Meta:
        model = Errand
        fields = (*ErrandDetailShape.Meta.fields, "accepted", "gone")

    @extend_schema_field(serializers.ListField(child=serializers.UUIDField()))
    def get_accepted(self, _errand: Errand) -> list[UUID]:
        """All errands of the bundle that are yours now, in the order of their pickups."""
        return list(self.context["accepted"].errand_ids)

    @extend_schema_field(serializers.ListField(child=serializers.UUIDField()))
    def get_gone(self, _errand: Errand) -> list[UUID]:
        """Errands of the bundle that nobody could take any more."""
        return list(self.context["accepted"].gone)


class DroppedShape(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    state = serializers.ChoiceField(choices=STATES)


# Not a class: a field of that name would hide an attribute of every serializer.
Steps = inline_serializer(
    "Step",
    {
        "state": serializers.ChoiceField(choices=STATES),
        "label": serializers.CharField(),
        "at": serializers.DateTimeField(allow_null=True),
    },
    many=True,
)


class TrackShape(serializers.Serializer[Any]):
    """State and place of an errand, without names, addresses or words of its parties."""

    kind = serializers.ChoiceField(choices=KINDS)
    state = serializers.ChoiceField(choices=STATES)
    state_label = serializers.CharField()
    progress = Steps
    pickup = BlockShape()
    dropoff = BlockShape(allow_null=True)
    position = BlockShape(allow_null=True)
    eta_minutes = serializers.FloatField(allow_null=True)
    walked = BlockShape(many=True)
    updated_at = serializers.DateTimeField()
    ended = serializers.BooleanField()
