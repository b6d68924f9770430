"""Offers and matching runs, to look at; and the offers' part of the errand page."""

from __future__ import annotations

from typing import Any, ClassVar

from django.contrib import admin
from django.db.models import prefetch_related_objects
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.text import format_lazy
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display

from common.money import won
from dispatch.admin.reasons import RULES, no_offers_part, reasons_html
from dispatch.admin.terms import terms_html
from dispatch.models import Corridor, Offer, OfferState, Solve
from errands.admin import ErrandAdmin
from errands.admin.page import NOTHING, TABLE, Label, Part, at, person
from errands.admin.records import RecordAdmin, WhenFilter
from errands.models import Errand

STATE_COLOURS: dict[str, str] = {
    OfferState.EXPIRED: "default",
    OfferState.WITHDRAWN: "default",
    OfferState.OFFERED: "info",
    OfferState.ACCEPTED: "success",
    OfferState.DECLINED: "warning",
    OfferState.DROPPED: "danger",
}


def offers_part(errand: Errand) -> Part:
    """Who was asked, why, and what they answered."""
    offers = Offer.objects.filter(errand=errand).prefetch_related("runner").order_by("id")
    headers = [_("when"), _("runner"), _("state"), _("pay"), _("why this runner"), _("answered")]
    return Part(_("Offers"), TABLE, [_row(offer) for offer in offers], headers)


def _row(offer: Offer) -> tuple[object, ...]:
    page = reverse("admin:dispatch_offer_change", args=[offer.pk])
    return (
        format_html('<a href="{}">{}</a>', page, at(offer.created_at)),
        person(offer.runner),
        Label(offer.get_state_display(), STATE_COLOURS[offer.state]),
        won(offer.pay),
        terms_html(offer),
        _answered(offer),
    )


def _answered(offer: Offer) -> str:
    if offer.answered_at is None:
        return NOTHING
    seconds = max(0, round((offer.answered_at - offer.created_at).total_seconds()))
    return gettext("after %d s") % seconds


ErrandAdmin.parts[1:1] = [offers_part, no_offers_part]


@admin.register(Offer)
class OfferAdmin(RecordAdmin):
    list_display = ["when", "errand_title", "runner", "state_label", "pay_won", "added", "answered"]
    list_filter = ["state", ("created_at", WhenFilter)]
    list_select_related = ["errand", "runner"]
    search_fields = [
        "errand__title__icontains", "runner__email__startswith", "runner__nickname__startswith",
    ]  # fmt: skip
    fields = [
        "when", "errand_link", "runner_link", "state_label", "pay_won", "why", "answered",
        "expires_at", "together", "solve",
    ]  # fmt: skip
    readonly_fields = fields

    class Media:
        css: ClassVar = {"all": ["css/backoffice.css"]}

    @display(description=_("state"), label=STATE_COLOURS, ordering="state")
    def state_label(self, offer: Offer) -> tuple[str, str]:
        return offer.state, offer.get_state_display()

    @display(description=_("pay"), ordering="pay")
    def pay_won(self, offer: Offer) -> str:
        return won(offer.pay)

    @display(description=_("added walking minutes"), ordering="added_minutes")
    def added(self, offer: Offer) -> str:
        return f"{offer.added_minutes:.1f}"

    @display(description=_("answered"))
    def answered(self, offer: Offer) -> str:
        return _answered(offer)

    @display(description=_("offered together"))
    def together(self, offer: Offer) -> str | SafeString:
        if offer.bundle is None:
            return NOTHING
        page = reverse("admin:dispatch_offer_changelist")
        return format_html(
            '<a href="{}?bundle__exact={}">{}</a>', page, offer.bundle, offer.bundle_size
        )

    @display(description=_("why this runner"))
    def why(self, offer: Offer) -> SafeString:
        return terms_html(offer)

    @display(description=_("errand"))
    def errand_title(self, offer: Offer) -> str:
        return offer.errand.title

    @display(description=_("errand"))
    def errand_link(self, offer: Offer) -> SafeString:
        page = reverse("admin:errands_errand_change", args=[offer.errand_id])
        return format_html('<a href="{}">{}</a>', page, offer.errand)

    @display(description=_("runner"))
    def runner_link(self, offer: Offer) -> str | SafeString:
        return person(offer.runner)


@admin.register(Solve)
class SolveAdmin(RecordAdmin):
    list_display = ["when", "area", "errands", "runners", "offered", "took", "digest_short"]
    list_filter = [("created_at", WhenFilter)]
    search_fields = ["digest__exact", "area__exact"]
    fields = [
        "when", "area", "errands", "runners", "offered", "took", "estimated", "digest", "asked",
        "not_asked",
    ]  # fmt: skip
    readonly_fields = fields

    def get_object(self, *asked: Any, **given: Any) -> Solve | None:
        solve: Solve | None = super().get_object(*asked, **given)
        if solve is not None:
            prefetch_related_objects([solve], "unmatched__errand")
        return solve

    @display(description=_("took (ms)"), ordering="took_ms")
    def took(self, solve: Solve) -> str:
        return f"{solve.took_ms:,.1f}"

    @display(description=_("digest of the inputs"))
    def digest_short(self, solve: Solve) -> str:
        return solve.digest[:12]

    @display(description=_("offers"))
    def asked(self, solve: Solve) -> SafeString:
        page = reverse("admin:dispatch_offer_changelist")
        return format_html('<a href="{}?solve__id__exact={}">{}</a>', page, solve.pk, solve.offered)

    @display(description=format_lazy("{} ({})", _("Nobody was asked"), RULES))
    def not_asked(self, solve: Solve) -> SafeString:
        return reasons_html(solve)


@admin.register(Corridor)
class CorridorAdmin(RecordAdmin):
    list_display = ["when", "runner_link", "place", "most_added_minutes", "until"]
    list_select_related = ["runner"]
    fields = ["when", "runner_link", "place", "most_added_minutes", "until"]
    readonly_fields = fields

    @display(description=_("runner"))
    def runner_link(self, corridor: Corridor) -> str | SafeString:
        return person(corridor.runner)

    @display(description=_("destination"))
    def place(self, corridor: Corridor) -> str:
        return f"{corridor.lat:.5f}, {corridor.lng:.5f}"
