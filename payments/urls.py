"""Addresses under /api/v1/."""

from __future__ import annotations

from django.urls import URLPattern, URLResolver, path

from payments import api, webhooks

urlpatterns: list[URLPattern | URLResolver] = [
    path("payments/<slug:order_id>", api.OrderDetail.as_view(), name="payment"),
    path("payments/<slug:order_id>/confirm", api.OrderConfirm.as_view(), name="payment-confirm"),
    path("webhooks/toss", webhooks.toss, name="webhook-toss"),
    path("balance", api.Balance.as_view(), name="balance"),
    path("statement", api.Statement.as_view(), name="statement"),
]
