"""Addresses under /api/v1/."""

from __future__ import annotations

from django.urls import URLPattern, URLResolver, path, register_converter
from django.urls.converters import IntConverter

from payments import api, webhooks


class Year(IntConverter):
    """Four digits of a year that a clock can show."""

    regex = "20[0-9]{2}"


register_converter(Year, "year")

urlpatterns: list[URLPattern | URLResolver] = [
    path("payments/<slug:order_id>", api.OrderDetail.as_view(), name="payment"),
    path("payments/<slug:order_id>/confirm", api.OrderConfirm.as_view(), name="payment-confirm"),
    path("payments/<slug:order_id>/checkout", api.OrderCheckout.as_view(), name="payment-checkout"),
    path(
        "payments/<slug:order_id>/refund-account",
        api.RefundAccountView.as_view(),
        name="payment-refund-account",
    ),
    path("webhooks/toss", webhooks.toss, name="webhook-toss"),
    path("balance", api.Balance.as_view(), name="balance"),
    path("statement", api.Statement.as_view(), name="statement"),
    path("bank-account", api.BankAccountView.as_view(), name="bank-account"),
    path("payouts", api.Payouts.as_view(), name="payouts"),
    path("payouts/<uuid:payout_id>", api.PayoutDetail.as_view(), name="payout"),
    path(
        "payouts/<uuid:payout_id>/statement",
        api.PayoutStatement.as_view(),
        name="payout-statement",
    ),
    path("payout-years/<year:year>", api.YearStatement.as_view(), name="payout-year"),
]
