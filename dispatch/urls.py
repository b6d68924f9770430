"""Addresses under /api/v1/."""

from __future__ import annotations

from django.urls import path

from dispatch.api import corridor, duty, offers, tracking

urlpatterns = [
    path("duty", duty.DutyView.as_view(), name="duty"),
    path("duty/start", duty.DutyStartView.as_view(), name="duty-start"),
    path("duty/end", duty.DutyEndView.as_view(), name="duty-end"),
    path("duty/positions", duty.PositionsView.as_view(), name="duty-positions"),
    path("duty/corridor", corridor.CorridorView.as_view(), name="duty-corridor"),
    path("offers", offers.OffersView.as_view(), name="offers"),
    path("offers/<uuid:offer_id>/accept", offers.OfferAcceptView.as_view(), name="offer-accept"),
    path("offers/<uuid:offer_id>/decline", offers.OfferDeclineView.as_view(), name="offer-decline"),
    path("errands-nearby", offers.NearbyView.as_view(), name="errands-nearby"),
    path("errands/<uuid:errand_id>/claim", offers.ClaimView.as_view(), name="claim"),
    path("errands/<uuid:errand_id>/drop", offers.DropView.as_view(), name="drop"),
    path("track/<str:token>", tracking.TrackView.as_view(), name="track"),
]
