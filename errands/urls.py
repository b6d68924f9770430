"""Addresses under /api/v1/."""

from __future__ import annotations

from django.urls import path

from errands.api import errands, moves, photos, quotes, reviews

urlpatterns = [
    path("quotes", quotes.QuotesView.as_view(), name="quotes"),
    path("quotes/<uuid:quote_id>", quotes.QuoteView.as_view(), name="quote"),
    path("errands", errands.ErrandsView.as_view(), name="errands"),
    path("errands/<uuid:errand_id>", errands.ErrandView.as_view(), name="errand"),
    path("errands/<uuid:errand_id>/events", errands.EventsView.as_view(), name="events"),
    path("errands/<uuid:errand_id>/arrive", moves.ArriveView.as_view(), name="arrive"),
    path("errands/<uuid:errand_id>/pick-up", moves.PickUpView.as_view(), name="pick-up"),
    path("errands/<uuid:errand_id>/deliver", moves.DeliverView.as_view(), name="deliver"),
    path("errands/<uuid:errand_id>/fail", moves.FailView.as_view(), name="fail"),
    path("errands/<uuid:errand_id>/return", moves.ReturnView.as_view(), name="return"),
    path("errands/<uuid:errand_id>/hand-back", moves.HandBackView.as_view(), name="hand-back"),
    path("errands/<uuid:errand_id>/confirm", moves.ConfirmView.as_view(), name="confirm"),
    path("errands/<uuid:errand_id>/object", moves.ObjectView.as_view(), name="object"),
    path("errands/<uuid:errand_id>/cancel", moves.CancelView.as_view(), name="cancel"),
    path("errands/<uuid:errand_id>/raise", moves.RaiseView.as_view(), name="raise"),
    path("errands/<uuid:errand_id>/budget", moves.BudgetView.as_view(), name="budget"),
    path("errands/<uuid:errand_id>/receipt", moves.ReceiptView.as_view(), name="receipt"),
    path("errands/<uuid:errand_id>/ask", moves.AskView.as_view(), name="ask"),
    path("errands/<uuid:errand_id>/answer", moves.AnswerView.as_view(), name="answer"),
    path("errands/<uuid:errand_id>/blocks", moves.BlocksView.as_view(), name="blocks"),
    path("errands/<uuid:errand_id>/check-in", moves.CheckInView.as_view(), name="check-in"),
    path("errands/<uuid:errand_id>/tip", moves.TipView.as_view(), name="tip"),
    path("errands/<uuid:errand_id>/photos", photos.PhotosView.as_view(), name="photos"),
    path("errands/<uuid:errand_id>/reviews", reviews.ReviewsView.as_view(), name="reviews"),
]
