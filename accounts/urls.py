"""Addresses under /api/v1/."""

from __future__ import annotations

from django.urls import path

from accounts.api import MeView, RunnerProfileView, TicketsView

urlpatterns = [
    path("me", MeView.as_view(), name="me"),
    path("runner-profile", RunnerProfileView.as_view(), name="runner-profile"),
    path("ws-tickets", TicketsView.as_view(), name="ws-tickets"),
]
