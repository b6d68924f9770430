"""Payouts for finance staff: batches of two people, files for the bank, what the bank said."""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import urlencode
from uuid import uuid4

from django.contrib import admin, messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.functional import Promise
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.dataclasses import ActionDialog
from unfold.decorators import action, display
from unfold.enums import ActionVariant
from unfold.forms import BaseDialogForm

from accounts.admin import dialog, staff_of
from common import clock
from common.errors import DomainError
from common.money import won
from payments import payouts
from payments.admin.downloads import Downloads, to_file, told_by
from payments.admin.forms import ExportForm, FilingForm, ResultForm, TaxForm
from payments.admin.payouts import PayoutLines
from payments.models import BatchState, PayoutBatch

FITTING = {
    BatchState.MADE.value: {"approve", "cancel"},
    BatchState.APPROVED.value: {"export", "import"},
    BatchState.SETTLED.value: {"import"},
}


@admin.register(PayoutBatch)
class PayoutBatchAdmin(Downloads):
    """One makes, another approves; the services see to it, these are only their buttons."""

    list_display = ["created_at", "state_label", "rows", "net_won", "made_by", "approved_by"]
    list_filter = ["state"]
    list_select_related = ["made_by", "approved_by"]
    ordering = ["-id"]
    inlines = [PayoutLines]
    actions_list = ["make", "filing", "tax"]
    actions_detail = ["approve", "export", "bring", "cancel"]
    fields = [
        "state", "rows", "net_won", "digest_text", "made_by", "created_at", "approved_by",
        "approved_at", "exported_at",
    ]  # fmt: skip
    readonly_fields = fields

    class Media:
        css = {"all": ["css/backoffice.css"]}

    @display(description=_("to be paid"), ordering="net")
    def net_won(self, batch: PayoutBatch) -> str:
        return won(batch.net)

    @display(description=_("digest of the rows"))
    def digest_text(self, batch: PayoutBatch) -> SafeString:
        return format_html('<span class="long-text">{}</span>', batch.digest)

    @display(
        description=_("state"),
        ordering="state",
        label={
            BatchState.MADE: "warning",
            BatchState.APPROVED: "info",
            BatchState.SETTLED: "success",
        },
    )
    def state_label(self, batch: PayoutBatch) -> tuple[str, str | Promise]:
        return batch.state, batch.get_state_display()

    def fitting_actions(self, row: PayoutBatch) -> set[str]:
        return FITTING.get(row.state, set())

    def has_finance_permission(self, request: HttpRequest, object_id: object = None) -> bool:
        return staff_of(request).has_perm("payments.finance")

    @action(
        description=_("Make a batch"),
        permissions=["finance"],
        url_path="make",
        dialog=dialog(_("Put what waits into a batch")),
    )
    def make(self, request: HttpRequest, form: BaseDialogForm) -> HttpResponse:
        try:
            batch = payouts.batch_make(by=staff_of(request), now=clock.now())
        except DomainError as refusal:
            messages.error(request, str(refusal))
            page = reverse("admin:payments_payoutbatch_changelist")
            return HttpResponse(headers={"HX-Redirect": page})
        return self.act(request, batch, lambda: None, gettext("The batch is made."))

    @action(
        description=_("Approve"),
        permissions=["finance"],
        url_path="approve",
        variant=ActionVariant.PRIMARY,
        dialog=dialog(_("Approve this batch")),
    )
    def approve(self, request: HttpRequest, form: BaseDialogForm, object_id: str) -> HttpResponse:
        return self.done(request, object_id, payouts.batch_approve, gettext("Approved."))

    @action(
        description=_("Cancel the batch"),
        permissions=["finance"],
        url_path="cancel",
        variant=ActionVariant.DANGER,
        dialog=dialog(_("Give these payouts back to the next batch")),
    )
    def cancel(self, request: HttpRequest, form: BaseDialogForm, object_id: str) -> HttpResponse:
        return self.done(request, object_id, payouts.batch_cancel, gettext("Cancelled."))

    def done(
        self, request: HttpRequest, object_id: str, work: Callable[..., object], text: str
    ) -> HttpResponse:
        batch = self.found(request, object_id)
        by, now = staff_of(request), clock.now()
        return self.act(request, batch, lambda: work(batch_id=batch.pk, by=by, now=now), text)

    @action(
        description=_("File for the bank"),
        permissions=["finance"],
        url_path="export",
        dialog=ActionDialog(
            title=_("File for the bank"),
            description=_("Nothing counts as paid until the bank's result is imported."),
            form_class=ExportForm,
            form_submit_text=_("Download"),
        ),
    )
    def export(self, request: HttpRequest, form: ExportForm, object_id: str) -> HttpResponse:
        batch, by = self.found(request, object_id), staff_of(request)
        file = reverse("admin:payments_payoutbatch_file", args=[batch.pk])
        query = urlencode({name: form.cleaned_data[name] for name in ("layout", "kind")})
        self.log_change(request, batch, f"{gettext('File for the bank')}: {query} {by.pk}")
        return to_file(f"{file}?{query}")

    @action(
        description=_("List for the tax office"),
        permissions=["finance"],
        url_path="filing",
        dialog=dialog(_("List for the tax office"), FilingForm),
    )
    def filing(self, request: HttpRequest, form: FilingForm) -> HttpResponse:
        file = reverse("admin:payments_payoutbatch_filing_file")
        query = urlencode({name: form.cleaned_data[name] for name in ("month", "kind")})
        return to_file(f"{file}?{query}")

    @action(
        description=_("Tax was paid"),
        permissions=["finance"],
        url_path="tax",
        dialog=dialog(_("Book what was paid to the tax office"), TaxForm),
    )
    def tax(self, request: HttpRequest, form: TaxForm) -> HttpResponse:
        by, given = staff_of(request), form.cleaned_data
        try:
            transfer = payouts.tax_pay(month=given["month"], amount=given["amount"], by=by)
        except DomainError as refusal:
            messages.error(request, str(refusal))
        else:
            self.log_change(request, transfer, gettext("Paid to the tax office"))
            messages.success(request, gettext("Booked."))
        page = reverse("admin:payments_payoutbatch_changelist")
        return HttpResponse(headers={"HX-Redirect": page})

    @action(description=_("Import the result"), permissions=["finance"], url_path="import")
    def bring(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Read what the bank says of this batch; a form of its own, as a dialog sends no file."""
        batch = self.found(request, object_id)
        form = ResultForm(request.POST or None, request.FILES or None)
        token = uuid4()
        if request.method == "POST" and form.is_valid() and self.brought(request, batch, form):
            page = reverse("admin:payments_payoutbatch_change", args=[batch.pk])
            return HttpResponseRedirect(page)
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": gettext("Import the result"),
            "batch": batch,
            "form": form,
            "token": token,
        }
        return TemplateResponse(request, "admin/payments/result.html", context)

    def brought(self, request: HttpRequest, batch: PayoutBatch, form: ResultForm) -> bool:
        try:
            results = payouts.results_read(
                form.cleaned_data["file"], layout=form.cleaned_data["layout"]
            )
            found = payouts.results_book(
                batch_id=batch.pk,
                results=results,
                by=staff_of(request),
                now=clock.now(),
                told=told_by(request.POST),
            )
        except DomainError as refusal:
            form.add_error("file", str(refusal))
            return False
        text = gettext("Paid: %(paid)d, failed: %(failed)d, known before: %(known)d.")
        self.log_change(request, batch, text % found._asdict())
        messages.success(request, text % found._asdict())
        return True

    def found(self, request: HttpRequest, object_id: str) -> PayoutBatch:
        batch = self.get_object(request, object_id)
        if not isinstance(batch, PayoutBatch):
            raise Http404
        return batch
