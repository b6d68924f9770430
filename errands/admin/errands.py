"""The list of errands, and the page of one: read everything, stop it, or decide its dispute."""

from __future__ import annotations

from typing import Any, ClassVar
from uuid import UUID

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.dataclasses import ActionDialog
from unfold.decorators import action, display
from unfold.enums import ActionVariant

from accounts.admin import staff_of
from common import clock
from common.geo import area_span
from common.money import won
from errands import services
from errands.admin import page
from errands.admin.forms import ResolveForm, StopForm, area_choices, errand_or_404
from errands.admin.records import RecordAdmin, WhenFilter
from errands.models import Errand
from errands.states import Kind, Role, State, moves_from

# Without a colour, even a pale one, unfold would show the code in place of its words.
STATE_COLOURS: dict[str, str] = {
    State.AWAITING_PAYMENT: "default",
    State.EXPIRED: "default",
    State.CANCELLED: "default",
    State.OPEN: "info",
    State.ASSIGNED: "primary",
    State.AT_PICKUP: "primary",
    State.PICKED_UP: "primary",
    State.AT_DROPOFF: "primary",
    State.DELIVERED: "success",
    State.COMPLETED: "success",
    State.DISPUTED: "danger",
    State.FAILED: "danger",
    State.RETURNING: "warning",
    State.RETURNED: "warning",
    State.REFUNDED: "warning",
}


class AreaFilter(admin.SimpleListFilter):
    """Regions by an address in them: their names mean nothing to people."""

    title = _("area")
    parameter_name = "area"

    def lookups(self, _request: HttpRequest, _admin: Any) -> list[tuple[str, str]]:
        return area_choices()

    def queryset(self, _request: HttpRequest, errands: QuerySet[Errand]) -> QuerySet[Errand]:
        known = dict(self.lookup_choices)
        region = self.value()
        return errands.filter(area__range=area_span(region)) if region in known else errands


@admin.register(Errand)
class ErrandAdmin(RecordAdmin):
    list_display = [
        "title", "state_label", "kind", "total_won", "requester", "runner", "pickup_address",
        "when",
    ]  # fmt: skip
    list_filter = ["state", "kind", AreaFilter, ("created_at", WhenFilter)]
    list_select_related = ["requester", "runner"]
    search_fields = ["title__icontains", "requester__email__startswith"]
    search_help_text = _("A title, the requester's e-mail, or the errand's number")
    fields = readonly_fields = ["title"]  # the page has a template of its own
    actions_detail = ["stop", "resolve"]
    # Apps above add what they know of an errand, without this one knowing them.
    parts: ClassVar[list[page.PartOf]] = [
        page.timeline, page.photos, page.orders, page.ledger, page.reviews
    ]  # fmt: skip

    class Media:
        css: ClassVar = {"all": ["css/backoffice.css"]}

    @display(description=_("state"), label=STATE_COLOURS, ordering="state")
    def state_label(self, errand: Errand) -> tuple[str, str]:
        return errand.state, errand.state_label

    @display(description=_("Paid in all"))
    def total_won(self, errand: Errand) -> str:
        return won(errand.total)

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Errand], search_term: str
    ) -> tuple[QuerySet[Errand], bool]:
        """A whole number of an errand is looked up by its key, anything else in the texts."""
        try:
            return queryset.filter(pk=UUID(search_term.strip())), False
        except ValueError:
            found: tuple[QuerySet[Errand], bool] = super().get_search_results(
                request, queryset, search_term
            )
            return found

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any
    ) -> HttpResponse:
        errand = kwargs["obj"]
        context |= {
            "colour": STATE_COLOURS[errand.state],
            "facts": page.facts(errand),
            "parts": [part(errand) for part in self.parts],
            "tracking_url": reverse("tracking-page", args=[errand.tracking_token]),
            "map_url": reverse("admin:live_map"),
        }
        answer: HttpResponse = super().render_change_form(request, context, *args, **kwargs)
        return answer

    def fitting_actions(self, row: Errand) -> set[str]:
        moves = moves_from(State(row.state), kind=Kind(row.kind), role=Role.STAFF)
        return {str(move) for move in moves}  # the actions' paths are the moves' names

    def has_act_permission(self, request: HttpRequest, object_id: object = None) -> bool:
        return staff_of(request).has_perm("errands.change_errand")

    @action(
        description=_("Stop"),
        permissions=["act"],
        url_path="stop",
        variant=ActionVariant.DANGER,
        dialog=ActionDialog(
            title=_("Stop this errand"),
            description=_(
                "It ends at once. The requester gets everything back, but for goods that were"
                " bought: those are repaid to the runner."
            ),
            form_class=StopForm,
            form_submit_text=_("Stop"),
        ),
    )
    def stop(self, request: HttpRequest, form: StopForm, object_id: str) -> HttpResponse:
        errand, reason = errand_or_404(object_id), form.cleaned_data["reason"]

        def work() -> object:
            return services.errand_stop(
                errand_id=errand.pk, staff=staff_of(request), reason=reason,
                repay=not form.cleaned_data.get("goods_unpaid"), now=clock.now(),
            )  # fmt: skip

        return self.act(request, errand, work, gettext("Stopped: %s") % reason)

    @action(
        description=_("Decide the dispute"),
        permissions=["act"],
        url_path="resolve",
        variant=ActionVariant.PRIMARY,
        dialog=ActionDialog(
            title=_("Decide the dispute"),
            description=_("What the runner does not get goes back to the requester."),
            form_class=ResolveForm,
            form_submit_text=_("Decide"),
        ),
    )
    def resolve(self, request: HttpRequest, form: ResolveForm, object_id: str) -> HttpResponse:
        errand, given = errand_or_404(object_id), form.cleaned_data

        def work() -> object:
            return services.errand_resolve(
                errand_id=errand.pk, staff=staff_of(request), reason=given["reason"],
                runner_percent=given["runner_percent"], repay=given.get("goods"), now=clock.now(),
            )  # fmt: skip

        done = gettext("Decided: %d %% to the runner.") % given["runner_percent"]
        return self.act(request, errand, work, done)
