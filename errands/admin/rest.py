"""Quotes and reviews to look at, and the switch for bad weather."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.contrib import admin, messages
from django.db.models import Case, CharField, QuerySet, Value, When
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.dataclasses import ActionDialog
from unfold.decorators import action, display
from unfold.enums import ActionVariant
from unfold.forms import BaseDialogForm

from accounts.admin import ReadOnlyAdmin, dialog, staff_of
from common import clock
from common.money import won
from errands import services
from errands.admin.forms import WeatherForm
from errands.admin.records import RecordAdmin, WhenFilter
from errands.models import AreaCondition, Quote, Review
from errands.selectors import regions_lately


@admin.register(Quote)
class QuoteAdmin(RecordAdmin):
    list_display = ["when", "kind", "asked_by", "pickup_address", "least_won", "expires_at"]
    list_filter = ["kind", ("created_at", WhenFilter)]
    list_select_related = ["requester"]
    search_fields = ["requester__email__startswith", "pickup_address__icontains"]
    fields = [
        "when", "kind", "asked_by", "pickup_address", "dropoff_address", "least_won",
        "walking_minutes", "total_minutes", "expires_at",
    ]  # fmt: skip
    readonly_fields = fields

    @display(description=_("requester"))
    def asked_by(self, quote: Quote) -> str:
        return str(quote.requester)

    @display(description=_("least reward"), ordering="reward_floor")
    def least_won(self, quote: Quote) -> str:
        return won(quote.reward_floor)


STARS = range(1, 6)


class StarsFilter(admin.SimpleListFilter):
    """One to five; Django's own would read all reviews to find out which there are."""

    title = _("stars")
    parameter_name = "stars"

    def lookups(self, _request: HttpRequest, _admin: Any) -> list[tuple[str, str]]:
        return [(str(stars), "★" * stars) for stars in STARS]

    def queryset(self, _request: HttpRequest, reviews: QuerySet[Review]) -> QuerySet[Review]:
        chosen = [stars for stars in STARS if str(stars) == self.value()]
        return reviews.filter(stars__in=chosen) if chosen else reviews


@admin.register(Review)
class ReviewAdmin(RecordAdmin):
    list_display = ["when", "errand_title", "stars", "by", "about", "comment"]
    list_filter = [StarsFilter, ("created_at", WhenFilter)]
    list_select_related = ["errand", "author", "subject"]
    search_fields = [
        "errand__title__icontains", "author__email__startswith", "subject__email__startswith",
        "comment__icontains",
    ]  # fmt: skip
    fields = ["when", "errand_title", "by", "about", "stars", "tags_text", "comment"]
    readonly_fields = fields

    @display(description=_("errand"))
    def errand_title(self, review: Review) -> str:
        return review.errand.title

    @display(description=_("author"))
    def by(self, review: Review) -> str:
        return str(review.author)

    @display(description=_("about whom"))
    def about(self, review: Review) -> str:
        return str(review.subject)

    @display(description=_("tags"))
    def tags_text(self, review: Review) -> str:
        return ", ".join(review.tags)


@admin.register(AreaCondition)
class AreaConditionAdmin(ReadOnlyAdmin):
    list_display = ["area_text", "now_label", "bad_weather_until", "set_by"]
    list_select_related = ["set_by"]
    ordering = ["-bad_weather_until"]
    fields = readonly_fields = ["area_text", "now_label", "bad_weather_until", "set_by"]
    actions_list = ["bad_weather"]
    actions_detail = ["turn_off"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[AreaCondition]:
        conditions: QuerySet[AreaCondition] = super().get_queryset(request)
        known = [When(area=code, then=Value(text)) for code, text in regions_lately().items()]
        named = Case(*known, default=Value(""), output_field=CharField())
        return conditions.annotate(known_as=named)

    @display(description=_("area"), ordering="area")
    def area_text(self, condition: AreaCondition) -> str:
        return f"{getattr(condition, 'known_as', '')} ({condition.area})".strip()

    @display(description=_("weather"), label={"bad": "warning", "good": "success"})
    def now_label(self, condition: AreaCondition) -> tuple[str, str]:
        if condition.bad_weather_until > clock.now():
            return "bad", gettext("Bad weather")
        return "good", gettext("Nothing special")

    def fitting_actions(self, row: AreaCondition) -> set[str]:
        return {"off"} if row.bad_weather_until > clock.now() else set()

    def has_act_permission(self, request: HttpRequest, object_id: object = None) -> bool:
        return staff_of(request).has_perm("errands.change_areacondition")

    @action(
        description=_("Turn bad weather on"),
        permissions=["act"],
        url_path="bad-weather",
        variant=ActionVariant.WARNING,
        dialog=ActionDialog(
            title=_("Turn bad weather on"),
            description=_("New quotes in the area carry the bad-weather line until then."),
            form_class=WeatherForm,
            form_submit_text=_("Turn on"),
        ),
    )
    def bad_weather(self, request: HttpRequest, form: WeatherForm) -> HttpResponse:
        now = clock.now()
        return self.switch(request, form.cleaned_data["area"], form.until(now), now)

    @action(
        description=_("Turn bad weather off"),
        permissions=["act"],
        url_path="off",
        dialog=dialog(_("Turn bad weather off")),
    )
    def turn_off(self, request: HttpRequest, form: BaseDialogForm, object_id: str) -> HttpResponse:
        condition = self.get_object(request, object_id)
        if not isinstance(condition, AreaCondition):
            raise Http404
        now = clock.now()
        return self.switch(request, condition.area, now, now)

    def switch(
        self, request: HttpRequest, area: str, until: datetime, now: datetime
    ) -> HttpResponse:
        by = staff_of(request)
        condition = services.area_condition_set(area=area, until=until, by=by, now=now)
        done = gettext("Bad weather until %s.") % f"{timezone.localtime(until):%Y-%m-%d %H:%M}"
        self.log_change(request, condition, done)
        messages.success(request, done)
        page = reverse("admin:errands_areacondition_changelist")
        return HttpResponse(headers={"HX-Redirect": page})
