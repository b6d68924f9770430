"""The terms by their days: finance staff copy what holds, change lines, or take it back."""

from __future__ import annotations

from uuid import UUID

from django.contrib import admin, messages
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.dataclasses import ActionDialog
from unfold.decorators import action, display
from unfold.enums import ActionVariant
from unfold.forms import BaseDialogForm

from accounts.admin import ReadOnlyAdmin, dialog, staff_of
from common import clock
from common.errors import DomainError
from errands import services
from errands.admin.forms import TermForm, TermsForm, case_words
from errands.models import Terms
from errands.policy import Case, Term


@admin.register(Terms)
class TermsAdmin(ReadOnlyAdmin):
    list_display = ["valid_from", "now_label", "commission_percent", "set_by"]
    list_select_related = ["set_by"]
    ordering = ["-valid_from"]
    fields = readonly_fields = ["valid_from", "commission_percent", "table_text", "set_by"]
    actions_list = ["write"]
    actions_detail = ["set_line", "withdraw"]

    class Media:
        css = {"all": ["css/backoffice.css"]}

    @display(description=_("state"), label={"fixed": "success", "open": "warning"})
    def now_label(self, terms: Terms) -> tuple[str, str]:
        if terms.valid_from <= clock.now():
            return "fixed", gettext("Have begun")
        return "open", gettext("Yet to come")

    @display(description=_("terms"))
    def table_text(self, terms: Terms) -> SafeString:
        lines = format_html_join(
            "", "<tr><td>{}</td><td>{}</td><td>{}</td><td>{}</td></tr>", map(_cells, terms.table)
        )
        heads = [gettext("Case"), gettext("After minutes"), gettext("Runner"), gettext("Strike")]
        head = format_html_join("", "<th>{}</th>", ([text] for text in heads))
        return format_html('<table class="terms-lines"><tr>{}</tr>{}</table>', head, lines)

    def fitting_actions(self, row: Terms) -> set[str]:
        near = row.valid_from < clock.now() + services.NOTICE
        return set() if near else {"line", "withdraw"}

    def has_finance_permission(self, request: HttpRequest, object_id: object = None) -> bool:
        return staff_of(request).has_perm("payments.finance")

    @action(
        description=_("Write new terms"),
        permissions=["finance"],
        url_path="write",
        dialog=ActionDialog(
            title=_("Write new terms"),
            description=_("They begin as a copy; change their lines until an hour before."),
            form_class=TermsForm,
            form_submit_text=_("Write"),
        ),
    )
    def write(self, request: HttpRequest, form: TermsForm) -> HttpResponse:
        given = form.cleaned_data
        try:
            terms = services.terms_write(
                valid_from=given["valid_from"], commission_percent=given["commission_percent"],
                by=staff_of(request), now=clock.now(),
            )  # fmt: skip
        except DomainError as refusal:
            messages.error(request, str(refusal))
            return self.to_list()
        return self.act(request, terms, lambda: None, gettext("The terms are written."))

    @action(
        description=_("Set a line"),
        permissions=["finance"],
        url_path="line",
        dialog=ActionDialog(
            title=_("Set a line"),
            description=_("The line of this case and time is replaced, or added."),
            form_class=TermForm,
            form_submit_text=_("Set"),
        ),
    )
    def set_line(self, request: HttpRequest, form: TermForm, object_id: str) -> HttpResponse:
        given = form.cleaned_data
        return self.act(
            request,
            self.get_queryset(request).get(pk=object_id),
            lambda: services.term_set(
                terms_id=UUID(object_id), case=given["case"], outcome=form.outcome(),
                after_minutes=given["after_minutes"], by=staff_of(request), now=clock.now(),
            ),
            gettext("The line is set."),
        )  # fmt: skip

    @action(
        description=_("Withdraw"),
        permissions=["finance"],
        url_path="withdraw",
        variant=ActionVariant.DANGER,
        dialog=dialog(_("Withdraw these terms")),
    )
    def withdraw(self, request: HttpRequest, form: BaseDialogForm, object_id: str) -> HttpResponse:
        terms = self.get_queryset(request).get(pk=object_id)
        try:
            services.terms_withdraw(terms_id=terms.pk, by=staff_of(request), now=clock.now())
        except DomainError as refusal:
            messages.error(request, str(refusal))
        else:
            self.log_change(request, terms, gettext("Withdrawn."))
            messages.success(request, gettext("Withdrawn."))
        return self.to_list()

    def to_list(self) -> HttpResponse:
        page = reverse("admin:errands_terms_changelist")
        return HttpResponse(headers={"HX-Redirect": page})


def _cells(term: Term) -> tuple[str, str, str, str]:
    case = case_words(Case(*term[:3]))
    percent, strike = term.outcome
    return case, f"{term.after_minutes:g}", f"{percent}%", gettext("Yes") if strike else ""
