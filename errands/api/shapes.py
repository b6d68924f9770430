"""What the API says about quotes, errands, events, photos and reviews."""

from __future__ import annotations

from typing import Any, TypedDict

from django.conf import settings
from django.urls import reverse
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from common import clock
from errands import pricing
from errands.models import (
    KINDS,
    MOVES,
    ROLES,
    STATES,
    Errand,
    ErrandEvent,
    Photo,
    ProofKind,
    Quote,
    Review,
)
from errands.selectors import blocks_of, payment_of, role_in, substitution_of, terms_at, tip_of
from errands.states import Kind, Move, Role, State, moves_from
from payments.models import PaymentState

LINE_LABELS = {
    "base": _("Base"),
    "walking": _("Walking"),
    "on_site": _("Time on site"),
    "blocks": _("Queueing blocks of 15 minutes"),
    "weight": _("Weight"),
    "bags": _("More than two bags"),
    "stairs": _("Stairs without a lift"),
    "night": _("Night (22–06)"),
    "weather": _("Bad weather"),
    "rounding": _("Rounding"),
}


class PlaceShape(serializers.Serializer[Any]):
    lat = serializers.FloatField()
    lng = serializers.FloatField()
    address = serializers.CharField()


class LineNameField(serializers.CharField):
    """What a price line's code is called in the reader's language."""

    def to_representation(self, value: str) -> str:
        return str(LINE_LABELS[value])


class LineShape(serializers.Serializer[Any]):
    code = serializers.CharField()
    name = LineNameField(source="code")
    amount = serializers.IntegerField(help_text="won")


class Place(TypedDict):
    lat: float
    lng: float
    address: str


class AskedShape(serializers.ModelSerializer[Any]):
    """The fields that a quote and an errand share."""

    kind = serializers.ChoiceField(choices=KINDS)
    pickup = serializers.SerializerMethodField()
    dropoff = serializers.SerializerMethodField()
    lines = LineShape(many=True)

    @extend_schema_field(PlaceShape)
    def get_pickup(self, asked: Quote | Errand) -> Place:
        return {"lat": asked.pickup_lat, "lng": asked.pickup_lng, "address": asked.pickup_address}

    @extend_schema_field(PlaceShape(allow_null=True))
    def get_dropoff(self, asked: Quote | Errand) -> Place | None:
        if asked.dropoff is None:
            return None
        lat, lng = asked.dropoff
        return {"lat": lat, "lng": lng, "address": asked.dropoff_address}


ASKED_FIELDS = (
    "id", "kind", "pickup", "dropoff", "weight_kg", "bags", "floors", "expected_minutes",
    "starts_at", "deadline_at", "lines", "walking_minutes",
)  # fmt: skip


class QuoteShape(AskedShape):
    """A price that stands until ``expires_at``; amounts in won."""

    service_fee = serializers.SerializerMethodField()
    total = serializers.SerializerMethodField()
    implied_hourly = serializers.SerializerMethodField()
    minimum_wage = serializers.SerializerMethodField()
    below_minimum_wage = serializers.SerializerMethodField()
    warning = serializers.SerializerMethodField()

    class Meta:
        model = Quote
        fields = (
            *ASKED_FIELDS, "reward_floor", "service_fee", "budget", "total", "total_minutes",
            "implied_hourly", "minimum_wage", "below_minimum_wage", "warning", "expires_at",
        )  # fmt: skip

    def get_service_fee(self, quote: Quote) -> int:
        percent = terms_at(quote.created_at).commission_percent
        return pricing.service_fee(quote.reward_floor, percent=percent)

    def get_total(self, quote: Quote) -> int:
        return quote.reward_floor + self.get_service_fee(quote) + quote.budget

    def get_implied_hourly(self, quote: Quote) -> int:
        return pricing.implied_hourly(quote.reward_floor, quote.total_minutes)

    def get_minimum_wage(self, quote: Quote) -> int:
        return pricing.minimum_wage(settings.MINIMUM_WAGE, quote.created_at)

    def get_below_minimum_wage(self, quote: Quote) -> bool:
        return self.get_implied_hourly(quote) < self.get_minimum_wage(quote)

    def get_warning(self, quote: Quote) -> str:
        if not self.get_below_minimum_wage(quote):
            return ""
        return gettext("This reward is below the minimum wage. Consider offering more.")


class PersonShape(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    nickname = serializers.CharField()


class PaymentShape(serializers.Serializer[Any]):
    order_id = serializers.CharField()
    amount = serializers.IntegerField()
    state = serializers.ChoiceField(choices=PaymentState.choices)
    expires_at = serializers.DateTimeField()


class SubstitutionShape(serializers.Serializer[Any]):
    """Something else to buy than what was ordered."""

    sequence = serializers.IntegerField(help_text="of the event that asked, for the answer")
    text = serializers.CharField()
    state = serializers.ChoiceField(choices=["asked", "approved", "refused", "expired"])
    expires_at = serializers.DateTimeField()


class BlocksShape(serializers.Serializer[Any]):
    """The blocks of a queue, of 15 minutes each."""

    paid = serializers.IntegerField()
    begun = serializers.IntegerField()
    next_at = serializers.DateTimeField(
        allow_null=True, help_text="when the next may begin; null before the start"
    )


class ErrandShape(AskedShape):
    """An errand as one of its two parties sees it."""

    state = serializers.ChoiceField(choices=STATES)
    state_label = serializers.CharField()
    proof = serializers.ChoiceField(choices=ProofKind.choices)
    requester = PersonShape()
    runner = PersonShape(allow_null=True)
    role = serializers.SerializerMethodField()
    moves = serializers.SerializerMethodField()

    class Meta:
        model = Errand
        fields = (
            *ASKED_FIELDS, "state", "state_label", "version", "title", "note", "reward",
            "service_fee", "total", "proof", "due_at", "opened_at", "accepted_at",
            "delivered_at", "ended_at", "created_at", "requester", "runner", "role", "moves",
        )  # fmt: skip

    def _role(self, errand: Errand) -> Role:
        return role_in(errand, self.context["request"].user)

    @extend_schema_field(serializers.ChoiceField(choices=ROLES))
    def get_role(self, errand: Errand) -> Role:
        return self._role(errand)

    @extend_schema_field(serializers.ListField(child=serializers.ChoiceField(choices=MOVES)))
    def get_moves(self, errand: Errand) -> list[Move]:
        return moves_from(State(errand.state), kind=Kind(errand.kind), role=self._role(errand))


class ErrandDetailShape(ErrandShape):
    """With what only the requester may know: the PINs, the order to pay, the tracking link."""

    payment = serializers.SerializerMethodField()
    pickup_pin = serializers.SerializerMethodField()
    dropoff_pin = serializers.SerializerMethodField()
    asks_pickup_pin = serializers.SerializerMethodField()
    raise_suggested = serializers.SerializerMethodField()
    tip = serializers.SerializerMethodField()
    substitution = serializers.SerializerMethodField()
    blocks = serializers.SerializerMethodField()
    tracking_url = serializers.SerializerMethodField()

    class Meta:
        model = Errand
        fields = (
            *ErrandShape.Meta.fields, "payment", "pickup_pin", "dropoff_pin", "asks_pickup_pin",
            "raise_suggested", "tip", "budget", "spent", "substitution", "blocks",
            "tracking_url",
        )  # fmt: skip

    def _is_requester(self, errand: Errand) -> bool:
        return self._role(errand) == Role.REQUESTER

    @extend_schema_field(PaymentShape(allow_null=True))
    def get_payment(self, errand: Errand) -> dict[str, Any] | None:
        payment = payment_of(errand) if self._is_requester(errand) else None
        return dict(PaymentShape(payment).data) if payment else None

    def get_pickup_pin(self, errand: Errand) -> str:
        return errand.pickup_pin if self._is_requester(errand) else ""

    def get_dropoff_pin(self, errand: Errand) -> str:
        return errand.dropoff_pin if self._is_requester(errand) else ""

    def get_asks_pickup_pin(self, errand: Errand) -> bool:
        return bool(errand.pickup_pin)

    def get_raise_suggested(self, errand: Errand) -> bool:
        return self._is_requester(errand) and errand.raise_suggested(clock.now())

    @extend_schema_field(SubstitutionShape(allow_null=True))
    def get_substitution(self, errand: Errand) -> dict[str, Any] | None:
        asked = substitution_of(errand, now=clock.now())
        return dict(SubstitutionShape(asked).data) if asked else None

    @extend_schema_field(BlocksShape(allow_null=True))
    def get_blocks(self, errand: Errand) -> dict[str, Any] | None:
        found = blocks_of(errand)
        return dict(BlocksShape(found).data) if found else None

    def get_tip(self, errand: Errand) -> int:
        return tip_of(errand)

    def get_tracking_url(self, errand: Errand) -> str:
        if not self._is_requester(errand):
            return ""
        return settings.PUBLIC_URL + reverse("tracking-page", args=[errand.tracking_token])


class EventShape(serializers.ModelSerializer[ErrandEvent]):
    at = serializers.DateTimeField(source="created_at")
    note = serializers.SerializerMethodField()

    class Meta:
        model = ErrandEvent
        fields = ("sequence", "move", "from_state", "to_state", "role", "reason", "note", "at")

    def get_note(self, event: ErrandEvent) -> str:
        """What a person wrote; payments leave their order number there, which is ours."""
        return "" if event.role == Role.PAYMENTS else event.note


class PhotoShape(serializers.ModelSerializer[Photo]):
    url = serializers.SerializerMethodField()

    class Meta:
        model = Photo
        fields = ("id", "purpose", "url", "width", "height", "created_at")

    def get_url(self, photo: Photo) -> str:
        return str(photo.image.url)


class ReviewShape(serializers.ModelSerializer[Review]):
    mine = serializers.SerializerMethodField()
    tags = serializers.ListField(child=serializers.CharField())

    class Meta:
        model = Review
        fields = ("id", "stars", "tags", "comment", "mine", "created_at")

    def get_mine(self, review: Review) -> bool:
        return bool(review.author_id == self.context["request"].user.pk)
