"""Addresses of the sockets."""

from __future__ import annotations

from django.urls import path, re_path

from dispatch.consumers import (
    ErrandConsumer,
    LostConsumer,
    RunnerConsumer,
    StaffMapConsumer,
    TrackConsumer,
)

websocket_urlpatterns = [
    path("ws/runner/", RunnerConsumer.as_asgi(), name="ws-runner"),
    path("ws/errands/<uuid:errand_id>/", ErrandConsumer.as_asgi(), name="ws-errand"),
    path("ws/track/<str:token>/", TrackConsumer.as_asgi(), name="ws-track"),
    path("ws/staff/map/", StaffMapConsumer.as_asgi(), name="ws-staff-map"),
]
elsewhere = re_path("", LostConsumer.as_asgi())
