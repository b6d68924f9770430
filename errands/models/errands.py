"""Quotes, errands, everything that happened to them, their photos and reviews."""

from __future__ import annotations

import secrets
from datetime import datetime

from django.conf import settings
from django.db import models
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from common.geo import Point
from common.models import Record
from errands.policy import Fault
from errands.states import ONE_PLACE, Kind, Move, Role, State

KINDS = [
    (Kind.DELIVERY, _("Delivery")),
    (Kind.PURCHASE, _("Purchase")),
    (Kind.QUEUE, _("Queueing")),
    (Kind.HELP, _("Help")),
]
STATES = [
    (State.AWAITING_PAYMENT, _("Awaiting payment")),
    (State.OPEN, _("Looking for a runner")),
    (State.ASSIGNED, _("Runner on the way")),
    (State.AT_PICKUP, _("Runner at the pickup")),
    (State.PICKED_UP, _("Picked up")),
    (State.AT_DROPOFF, _("Runner at the destination")),
    (State.DELIVERED, _("Delivered")),
    (State.DISPUTED, _("Disputed")),
    (State.RETURNING, _("Being returned")),
    (State.COMPLETED, _("Completed")),
    (State.REFUNDED, _("Refunded")),
    (State.RETURNED, _("Returned")),
    (State.CANCELLED, _("Cancelled")),
    (State.FAILED, _("Failed")),
    (State.EXPIRED, _("Expired")),
]
MOVES = [(move, move.value) for move in Move]
ROLES = [(role, role.value) for role in Role]


def label_of(state: State, kind: Kind) -> str:
    """Name a state for people; where there is one place, nothing is picked up but started."""
    if state == State.PICKED_UP and kind in ONE_PLACE:
        return gettext("Started")
    return str(dict(STATES)[state])


class ProofKind(models.TextChoices):
    PHOTO = "photo", _("Photo")
    PIN = "pin", _("4-digit PIN")
    DOOR = "door", _("Photo at the door")


class Asked(Record):
    """What is asked, the same for a quote and the errand posted from it."""

    kind = models.CharField(_("kind"), max_length=10, choices=KINDS)
    pickup_lat = models.FloatField()
    pickup_lng = models.FloatField()
    pickup_address = models.CharField(_("pickup address"), max_length=120)
    dropoff_lat = models.FloatField(null=True, blank=True)
    dropoff_lng = models.FloatField(null=True, blank=True)
    dropoff_address = models.CharField(_("destination address"), max_length=120, blank=True)
    weight_kg = models.PositiveSmallIntegerField(_("weight (kg)"), default=1)
    bags = models.PositiveSmallIntegerField(_("bags"), default=1)
    floors = models.PositiveSmallIntegerField(_("floors without a lift"), default=0)
    expected_minutes = models.PositiveSmallIntegerField(_("expected minutes on site"), default=5)
    # For a purchase: the most that may be spent on the goods, held beside the reward; in won.
    budget = models.BigIntegerField(_("purchase budget"), default=0)
    starts_at = models.DateTimeField(_("starts at"), null=True, blank=True)
    deadline_at = models.DateTimeField(_("deadline"), null=True, blank=True)

    class Meta:
        abstract = True

    ASKED = (
        "kind",
        "pickup_lat",
        "pickup_lng",
        "pickup_address",
        "dropoff_lat",
        "dropoff_lng",
        "dropoff_address",
        "weight_kg",
        "bags",
        "floors",
        "expected_minutes",
        "budget",
        "starts_at",
        "deadline_at",
    )

    @property
    def pickup(self) -> Point:
        return Point(self.pickup_lat, self.pickup_lng)

    @property
    def dropoff(self) -> Point | None:
        """The second place; None for the kinds that have only one."""
        if self.dropoff_lat is None or self.dropoff_lng is None:
            return None
        return Point(self.dropoff_lat, self.dropoff_lng)


class AreaCondition(Record):
    """A switch that staff turn on for a region (``geo.REGION``) while the weather there is bad."""

    area = models.CharField(_("area"), max_length=16, unique=True)
    bad_weather_until = models.DateTimeField(_("bad weather until"))
    set_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.SET_NULL,
        null=True,
        related_name="+",
        verbose_name=_("set by"),
    )

    class Meta:
        verbose_name = _("area condition")
        verbose_name_plural = _("area conditions")

    def __str__(self) -> str:
        return self.area


class Quote(Asked):
    """A price that stands until ``expires_at``; amounts in won, minutes of walking and waiting."""

    requester = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="quotes")
    lines = models.JSONField(_("price lines"))
    reward_floor = models.BigIntegerField(_("least reward"))
    walking_minutes = models.FloatField(_("walking minutes"))
    total_minutes = models.FloatField(_("minutes in all"))
    expires_at = models.DateTimeField(_("expires at"))

    class Meta:
        verbose_name = _("quote")
        verbose_name_plural = _("quotes")

    def __str__(self) -> str:
        return str(self.pk)


def new_token() -> str:
    return secrets.token_urlsafe(24)


class Errand(Asked):
    """One errand. Its state changes only through ``errands.services``.

    ``version`` counts the moves made and is the number of the last event. ``due_at`` is when
    the clock acts on the present state (lapse, or automatic confirmation).
    """

    requester = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.PROTECT,
        related_name="errands",
        verbose_name=_("requester"),
        db_index=False,  # an index of more columns begins with it; so for the runner
    )
    runner = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.PROTECT,
        null=True,
        blank=True,
        related_name="runs",
        verbose_name=_("runner"),
        db_index=False,
    )
    quote = models.OneToOneField(Quote, models.PROTECT, related_name="errand")
    state = models.CharField(
        _("state"), max_length=20, choices=STATES, default=State.AWAITING_PAYMENT
    )
    version = models.PositiveIntegerField(default=1)
    title = models.CharField(_("title"), max_length=60)
    note = models.CharField(_("note"), max_length=500, blank=True)
    area = models.CharField(_("area"), max_length=16)
    lines = models.JSONField(_("price lines"))
    reward = models.BigIntegerField(_("reward"))
    service_fee = models.BigIntegerField(_("service fee"))
    spent = models.BigIntegerField(_("spent on the goods"), null=True, blank=True)
    walking_minutes = models.FloatField(_("walking minutes"))
    proof = models.CharField(_("proof"), max_length=5, choices=ProofKind, default=ProofKind.PHOTO)
    pickup_pin = models.CharField(_("pickup PIN"), max_length=4, blank=True)
    dropoff_pin = models.CharField(_("delivery PIN"), max_length=4, blank=True)
    due_at = models.DateTimeField(_("due at"), null=True, blank=True)
    opened_at = models.DateTimeField(_("opened at"), null=True, blank=True)
    accepted_at = models.DateTimeField(_("accepted at"), null=True, blank=True)
    delivered_at = models.DateTimeField(_("delivered at"), null=True, blank=True)
    ended_at = models.DateTimeField(_("ended at"), null=True, blank=True)
    tracking_token = models.CharField(max_length=40, unique=True, default=new_token)

    class Meta:
        verbose_name = _("errand")
        verbose_name_plural = _("errands")
        indexes = [
            models.Index(fields=["state", "due_at"], name="errand_state_due_at"),
            models.Index(fields=["state", "area", "id"], name="errand_state_area_id"),
            models.Index(fields=["state", "id"], name="errand_state_id"),
            models.Index(fields=["requester", "id"], name="errand_requester_id"),
            models.Index(fields=["state", "ended_at"], name="errand_state_ended_at"),
            models.Index(fields=["runner", "id"], name="errand_runner_id"),
            # What somebody carries now, among all that they ever did.
            models.Index(fields=["runner", "state", "id"], name="errand_runner_state_id"),
        ]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(reward__gt=0, service_fee__gte=0), name="errand_amounts"
            ),
        ]

    def __str__(self) -> str:
        return self.title

    @property
    def total(self) -> int:
        """What the requester pays, in won."""
        return self.reward + self.service_fee + self.budget

    @property
    def state_label(self) -> str:
        return label_of(State(self.state), Kind(self.kind))

    @property
    def reference(self) -> str:
        """How payments know this errand."""
        return f"errand:{self.pk}"

    @property
    def tip_reference(self) -> str:
        """How payments know the tip for it, whose escrow is apart."""
        return f"tip:{self.pk}"

    def raise_suggested(self, now: datetime) -> bool:
        """Tell whether it is time to suggest a higher reward: open for 5 minutes, no runner."""
        patience = settings.RAISE_SUGGESTED_AFTER.total_seconds()
        return self.state == State.OPEN and self.waited_s(now) >= patience

    def visible_from(self, opened_at: datetime) -> datetime:
        """When runners see the errand: on opening, or shortly before its start if later."""
        if self.starts_at is None:
            return opened_at
        return max(opened_at, self.starts_at - settings.SCHEDULE_LEAD)

    def waited_s(self, now: datetime) -> float:
        """Seconds since runners could see the errand; 0 before that."""
        seen = self.visible_from(self.opened_at or self.created_at)
        return max(0.0, (now - seen).total_seconds())


class ErrandEvent(Record):
    """One move, as it happened. Append-only; ``sequence`` is gapless per errand from 1."""

    errand = models.ForeignKey(Errand, models.CASCADE, related_name="events")
    sequence = models.PositiveIntegerField(_("sequence"))
    move = models.CharField(_("move"), max_length=12, choices=MOVES)
    from_state = models.CharField(_("from"), max_length=20, choices=STATES, blank=True)
    to_state = models.CharField(_("to"), max_length=20, choices=STATES)
    role = models.CharField(_("who"), max_length=10, choices=ROLES)
    actor = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="+"
    )
    reason = models.CharField(_("reason"), max_length=30, blank=True)
    note = models.CharField(_("note"), max_length=300, blank=True)
    # What the evidence of this moment said; a return is settled by it at its end.
    fault = models.CharField(_("fault"), max_length=10, default=Fault.NONE)
    lat = models.FloatField(null=True, blank=True)
    lng = models.FloatField(null=True, blank=True)

    class Meta:
        verbose_name = _("event")
        verbose_name_plural = _("events")
        constraints = [
            models.UniqueConstraint(fields=["errand", "sequence"], name="event_sequence"),
        ]

    def __str__(self) -> str:
        return f"{self.sequence} {self.move}"


class PhotoPurpose(models.TextChoices):
    PICKUP = "pickup", _("At the pickup")
    DELIVERY = "delivery", _("On delivery")
    INCIDENT = "incident", _("Incident")
    RECEIPT = "receipt", _("Receipt")
    WAITING = "waiting", _("Waiting in the queue")


class Photo(Record):
    """A proof photo, re-encoded without its metadata; sides in pixels."""

    errand = models.ForeignKey(Errand, models.CASCADE, related_name="photos")
    uploader = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")
    purpose = models.CharField(_("purpose"), max_length=10, choices=PhotoPurpose)
    image = models.FileField(_("image"), upload_to="proof/%Y/%m/%d")
    width = models.PositiveSmallIntegerField()
    height = models.PositiveSmallIntegerField()

    class Meta:
        verbose_name = _("photo")
        verbose_name_plural = _("photos")

    def __str__(self) -> str:
        return f"{self.purpose} {self.pk}"


class Review(Record):
    """What one side thinks of the other; hidden until both have spoken or 7 days pass."""

    errand = models.ForeignKey(Errand, models.CASCADE, related_name="reviews")
    author = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.CASCADE, related_name="reviews_given"
    )
    subject = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.CASCADE, related_name="reviews_received"
    )
    stars = models.PositiveSmallIntegerField(_("stars"))
    tags = models.JSONField(_("tags"), default=list)
    comment = models.CharField(_("comment"), max_length=300, blank=True)

    class Meta:
        verbose_name = _("review")
        verbose_name_plural = _("reviews")
        constraints = [
            models.UniqueConstraint(fields=["errand", "author"], name="review_once"),
            models.CheckConstraint(
                condition=models.Q(stars__gte=1, stars__lte=5), name="review_stars"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.stars}★"
