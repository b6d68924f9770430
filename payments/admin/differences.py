"""Differences for finance staff: what was found, the entry that would settle it, who saw to it."""

from __future__ import annotations

from collections.abc import Callable

from django.contrib import admin, messages
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.functional import Promise
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.decorators import action, display
from unfold.enums import ActionVariant
from unfold.forms import BaseDialogForm

from accounts.admin import ReadOnlyAdmin, ReasonForm, dialog, staff_of
from common import clock
from common.errors import DomainError
from common.money import won
from payments import services
from payments.models import AccountKind, Difference, DifferenceState
from payments.payouts import FINANCE

LIST = "admin:payments_difference_changelist"


@admin.register(Difference)
class DifferenceAdmin(ReadOnlyAdmin):
    """Nothing is corrected by a form: an entry is posted as it was seen, or none is."""

    list_display = ("created_at", "kind", "subject", "expected_won", "found_won", "state_label")
    list_filter = ("state", "kind")
    search_fields = ("subject__exact",)
    ordering = ("-id",)
    list_select_related = ("closed_by",)
    actions_list = ("compare",)
    actions_detail = ("settle", "dismiss")
    fields = (
        "kind", "subject", "day", "expected_won", "found_won", "missing_won", "entry", "state",
        "created_at", "closed_by", "closed_at", "reason",
    )  # fmt: skip
    readonly_fields = fields

    class Media:
        css = {"all": ["css/backoffice.css"]}

    @display(description=_("expected"), ordering="expected")
    def expected_won(self, row: Difference) -> str:
        return won(row.expected)

    @display(description=_("in our books"), ordering="found")
    def found_won(self, row: Difference) -> str:
        return won(row.found)

    @display(description=_("missing in our books"))
    def missing_won(self, row: Difference) -> str:
        return won(row.missing)

    @display(
        description=_("state"),
        ordering="state",
        label={
            DifferenceState.OPEN: "danger",
            DifferenceState.SETTLED: "success",
            DifferenceState.DISMISSED: "warning",
            DifferenceState.GONE: "info",
        },
    )
    def state_label(self, row: Difference) -> tuple[str, str | Promise]:
        return row.state, row.get_state_display()

    @display(description=_("suggested entry"))
    def entry(self, row: Difference) -> str | SafeString:
        if not row.moves:
            return gettext("None: the entries are right, what was kept beside them is not.")
        lines = [(_named(account), f"{amount:+,}") for account, amount in row.moves]
        rows = format_html_join("", "<tr><td>{}</td><td>{}</td></tr>", lines)
        return format_html('<table class="entry-lines">{}</table>', rows)

    # --- Who may do what -----------------------------------------------------------------

    def has_view_permission(self, request: HttpRequest, obj: object = None) -> bool:
        return self.has_finance_permission(request)

    def has_module_permission(self, request: HttpRequest) -> bool:
        return self.has_finance_permission(request)

    def has_finance_permission(self, request: HttpRequest, object_id: object = None) -> bool:
        # Nobody is logged in where this is asked for the login page.
        return bool(request.user.has_perm(FINANCE))

    def fitting_actions(self, row: Difference) -> set[str]:
        if row.state != DifferenceState.OPEN:
            return set()
        return {"settle", "dismiss"} if row.moves else {"dismiss"}

    # --- Actions -------------------------------------------------------------------------

    @action(
        description=_("Compare now"),
        permissions=["finance"],
        url_path="compare",
        dialog=dialog(_("Compare the books with everything")),
    )
    def compare(self, request: HttpRequest, form: BaseDialogForm) -> HttpResponse:
        try:
            found = services.reconcile(now=clock.now())
        except DomainError as refusal:
            messages.error(request, str(refusal))
        else:
            text = gettext("New differences: %(new)d, gone: %(gone)d.")
            messages.success(request, text % found._asdict())
        return HttpResponse(headers={"HX-Redirect": reverse(LIST)})

    @action(
        description=_("Post the entry"),
        permissions=["finance"],
        url_path="settle",
        variant=ActionVariant.PRIMARY,
        dialog=dialog(_("Post the suggested entry"), ReasonForm),
    )
    def settle(self, request: HttpRequest, form: ReasonForm, object_id: str) -> HttpResponse:
        return self.closed(request, object_id, services.difference_settle, form)

    @action(
        description=_("Close without an entry"),
        permissions=["finance"],
        url_path="dismiss",
        dialog=dialog(_("Close this difference without an entry"), ReasonForm),
    )
    def dismiss(self, request: HttpRequest, form: ReasonForm, object_id: str) -> HttpResponse:
        return self.closed(request, object_id, services.difference_dismiss, form)

    def closed(
        self,
        request: HttpRequest,
        object_id: str,
        work: Callable[..., Difference],
        form: ReasonForm,
    ) -> HttpResponse:
        row = self.get_object(request, object_id)
        if not isinstance(row, Difference):
            raise Http404
        by, reason = staff_of(request), form.cleaned_data["reason"]
        done = gettext("Closed: %s") % reason
        return self.act(
            request,
            row,
            lambda: work(difference_id=row.pk, by=by, reason=reason, now=clock.now()),
            done,
        )


def _named(account: str) -> str:
    kind, _colon, owner = account.partition(":")
    return f"{AccountKind(kind).label} {owner}".strip()
