"""Offers and why they were made, what was sent to runners, where errands were carried."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from common.geo import Point
from common.models import Record
from errands.models import Errand


class Solve(Record):
    """One matching run of one area: what went in (as a digest) and what came out."""

    area = models.CharField(_("area"), max_length=16)
    digest = models.CharField(_("digest of the inputs"), max_length=64)
    errands = models.PositiveIntegerField(_("errands"))
    runners = models.PositiveIntegerField(_("runners"))
    offered = models.PositiveIntegerField(_("offers"), default=0)
    took_ms = models.FloatField(_("took (ms)"))
    estimated = models.PositiveIntegerField(_("walks only estimated"), default=0)

    class Meta:
        verbose_name = _("matching run")
        verbose_name_plural = _("matching runs")
        indexes = [models.Index(fields=["created_at"], name="solve_created_at")]

    def __str__(self) -> str:
        return f"{self.area} {self.created_at:%H:%M:%S}"


class Reason(models.TextChoices):
    """The rule at which an errand lost the last runner who could have been asked."""

    NO_RUNNER_IN_REACH = "no_runner_in_reach", _("Nobody in reach")
    NEXT_AREA = "next_area", _("Whoever is in reach is nearer to an errand of the next area")
    ALL_EXCLUDED = "all_excluded", _("Nobody in reach may do it")
    NO_CAPACITY = "no_capacity", _("Nobody can carry it as well")
    LATE = "late", _("A promised time would be broken")
    OFF_CORRIDOR = "off_corridor", _("Too far from everybody's way")
    OUTBID = "outbid", _("Other errands need the runners more")


class NoOffer(Record):
    """Why a run asked nobody about an errand, written down when the reason is a new one.

    ``near`` … ``timely`` count the runners that were left after each rule.
    """

    errand = models.ForeignKey(Errand, models.CASCADE, related_name="no_offers")
    solve = models.ForeignKey(Solve, models.CASCADE, related_name="unmatched")
    reason = models.CharField(_("reason"), max_length=20, choices=Reason)
    near = models.PositiveIntegerField(_("in reach"))
    allowed = models.PositiveIntegerField(_("who may"))
    able = models.PositiveIntegerField(_("who can carry it"))
    timely = models.PositiveIntegerField(_("who keep their promises"))

    class Meta:
        verbose_name = _("errand without an offer")
        verbose_name_plural = _("errands without an offer")

    def __str__(self) -> str:
        return f"{self.errand_id} {self.reason}"


class OfferState(models.TextChoices):
    OFFERED = "offered", _("Offered")
    ACCEPTED = "accepted", _("Accepted")
    DECLINED = "declined", _("Declined")
    EXPIRED = "expired", _("Expired")
    WITHDRAWN = "withdrawn", _("Withdrawn")
    DROPPED = "dropped", _("Given back")


class Offer(Record):
    """One errand offered to one runner until ``expires_at``; ``terms`` says why this runner.

    ``solve`` is empty when the runner claimed the errand from the list. Up to three errands that
    are offered together share ``bundle``; ``slot`` is their order of pickup, from 0.
    """

    errand = models.ForeignKey(Errand, models.CASCADE, related_name="offers")
    runner = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.CASCADE, related_name="offers", verbose_name=_("runner")
    )
    solve = models.ForeignKey(Solve, models.SET_NULL, null=True, blank=True, related_name="offers")
    state = models.CharField(
        _("state"), max_length=10, choices=OfferState, default=OfferState.OFFERED
    )
    pay = models.BigIntegerField(_("pay"))
    added_minutes = models.FloatField(_("added walking minutes"))
    terms = models.JSONField(_("cost terms"), default=dict)
    bundle = models.UUIDField(_("bundle"), null=True, blank=True)
    bundle_size = models.PositiveSmallIntegerField(_("offered together"), default=1)
    slot = models.PositiveSmallIntegerField(default=0)
    expires_at = models.DateTimeField(_("expires at"))
    answered_at = models.DateTimeField(_("answered at"), null=True, blank=True)

    class Meta:
        verbose_name = _("offer")
        verbose_name_plural = _("offers")
        indexes = [
            models.Index(fields=["state", "expires_at"], name="offer_state_expires_at"),
            models.Index(fields=["runner", "id"], name="offer_runner_id"),
            models.Index(fields=["runner", "created_at"], name="offer_runner_created_at"),
            models.Index(fields=["bundle"], name="offer_bundle"),
        ]
        # What the services ask first, the database decides: two at once both see nothing.
        constraints = [
            models.UniqueConstraint(
                fields=["errand"], condition=models.Q(state="offered"), name="offer_exclusive"
            ),
            models.UniqueConstraint(
                fields=["runner", "slot"],
                condition=models.Q(state="offered"),
                name="offer_one_at_a_time",
            ),
            models.UniqueConstraint(
                fields=["errand"], condition=models.Q(state="accepted"), name="offer_one_winner"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.errand_id} → {self.runner_id}"


class Corridor(Record):
    """Where a runner on duty is going anyway, and how much longer errands may make the way."""

    runner = models.OneToOneField(
        settings.AUTH_USER_MODEL,
        models.CASCADE,
        related_name="corridor",
        verbose_name=_("runner"),
    )
    lat = models.FloatField()
    lng = models.FloatField()
    most_added_minutes = models.PositiveSmallIntegerField(_("added minutes at most"))
    until = models.DateTimeField(_("until"))

    class Meta:
        verbose_name = _("corridor")
        verbose_name_plural = _("corridors")

    def __str__(self) -> str:
        return f"{self.runner_id} → {self.destination}"

    @property
    def destination(self) -> Point:
        return Point(self.lat, self.lng)


class RunnerStream(models.Model):
    """The number of the last message to a runner; the row that orders all that is done to them."""

    runner = models.OneToOneField(
        settings.AUTH_USER_MODEL, models.CASCADE, primary_key=True, related_name="+"
    )
    last = models.PositiveIntegerField(default=0)
    # Counted up by whoever acts for the runner: MongoDB takes a row only for a real change.
    turns = models.PositiveBigIntegerField(default=0)

    def __str__(self) -> str:
        return f"{self.runner_id} {self.last}"


class RunnerMessage(Record):
    """A message on a runner's channel, kept a day so that a reconnecting phone gets the gap."""

    runner = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="+")
    sequence = models.PositiveIntegerField()
    type = models.CharField(max_length=30)
    payload = models.JSONField()

    class Meta:
        indexes = [models.Index(fields=["created_at"], name="message_created_at")]
        constraints = [
            models.UniqueConstraint(fields=["runner", "sequence"], name="message_sequence"),
        ]

    def __str__(self) -> str:
        return f"{self.sequence} {self.type}"


class TrailPoint(Record):
    """Where a runner was while carrying an errand; metres, UTC. Kept 30 days."""

    # No index of its own: one of more columns begins with it.
    errand = models.ForeignKey(Errand, models.CASCADE, related_name="trail", db_index=False)
    runner = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="+")
    lat = models.FloatField()
    lng = models.FloatField()
    accuracy = models.FloatField()
    recorded_at = models.DateTimeField()

    class Meta:
        indexes = [
            models.Index(fields=["errand", "recorded_at"], name="trail_errand_time"),
            models.Index(fields=["recorded_at"], name="trail_time"),
        ]

    def __str__(self) -> str:
        return f"{self.errand_id} {self.recorded_at:%H:%M:%S}"
