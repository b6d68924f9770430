"""Payouts for finance staff: batches of two people, files for the bank, what the bank said."""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import urlencode
from uuid import UUID, uuid4

from django import forms
from django.conf import settings
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import (
    Http404,
    HttpRequest,
    HttpResponse,
    HttpResponseRedirect,
    JsonResponse,
    QueryDict,
)
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.functional import Promise
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.dataclasses import ActionDialog
from unfold.decorators import action, display
from unfold.enums import ActionVariant
from unfold.forms import BaseDialogForm
from unfold.widgets import (
    UnfoldAdminFileFieldWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextInputWidget,
)

from accounts.admin import ReadOnlyAdmin, dialog, staff_of
from common import clock
from common.errors import DomainError, NotAllowed
from common.money import won
from common.progress import Progress, Told, untold
from payments import payouts
from payments.admin.payouts import PayoutLines
from payments.models import (
    BatchState,
    PayoutBatch,
)


def _layouts() -> list[tuple[str, str]]:
    return [(name, name) for name in settings.BANK_LAYOUTS]


def _kinds() -> list[tuple[str, str]]:
    return [(kind, kind.upper()) for kind in payouts.KINDS]


class ExportForm(BaseDialogForm):
    layout = forms.ChoiceField(
        label=_("Layout of the bank"), choices=_layouts, widget=UnfoldAdminSelectWidget
    )
    kind = forms.ChoiceField(label=_("File"), choices=_kinds, widget=UnfoldAdminSelectWidget)


class FilingForm(BaseDialogForm):
    month = forms.RegexField(
        r"^20[0-9]{2}-(0[1-9]|1[0-2])$",
        label=_("Month, as 2026-11"),
        widget=UnfoldAdminTextInputWidget,
    )
    kind = forms.ChoiceField(label=_("File"), choices=_kinds, widget=UnfoldAdminSelectWidget)


class ResultForm(forms.Form):
    layout = forms.ChoiceField(
        label=_("Layout of the bank"), choices=_layouts, widget=UnfoldAdminSelectWidget
    )
    file = forms.FileField(label=_("Result file"), widget=UnfoldAdminFileFieldWidget)

    def clean_file(self) -> bytes:
        upload = self.cleaned_data["file"]
        if upload.size > settings.UPLOAD_MAX_BYTES:
            raise forms.ValidationError(_("This file is too large."))
        content: bytes = upload.read()
        return content


FITTING = {
    BatchState.MADE.value: {"approve", "cancel"},
    BatchState.APPROVED.value: {"export", "import"},
    BatchState.SETTLED.value: {"import"},
}


@admin.register(PayoutBatch)
class PayoutBatchAdmin(ReadOnlyAdmin):
    """One makes, another approves; the services see to it, these are only their buttons."""

    list_display = ["created_at", "state_label", "rows", "net_won", "made_by", "approved_by"]
    list_filter = ["state"]
    list_select_related = ["made_by", "approved_by"]
    ordering = ["-id"]
    inlines = [PayoutLines]
    actions_list = ["make", "filing"]
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
        return _to_file(f"{file}?{query}")

    @action(
        description=_("List for the tax office"),
        permissions=["finance"],
        url_path="filing",
        dialog=dialog(_("List for the tax office"), FilingForm),
    )
    def filing(self, request: HttpRequest, form: FilingForm) -> HttpResponse:
        file = reverse("admin:payments_payoutbatch_filing_file")
        query = urlencode({name: form.cleaned_data[name] for name in ("month", "kind")})
        return _to_file(f"{file}?{query}")

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
                told=_told(request.POST),
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

    # --- Downloads -----------------------------------------------------------------------

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view
        own = [
            path("<uuid:batch_id>/file/", view(self.bank_file), name="payments_payoutbatch_file"),
            path("filing/file/", view(self.filing_file), name="payments_payoutbatch_filing_file"),
            path("writing/", view(self.writing), name="payments_payoutbatch_writing"),
            path(
                "progress/<uuid:token>/", view(self.progress), name="payments_payoutbatch_progress"
            ),
        ]
        return [*own, *super().get_urls()]

    def bank_file(self, request: HttpRequest, batch_id: UUID) -> HttpResponse:
        return self.sent(
            request,
            lambda: payouts.batch_export(
                batch_id=batch_id,
                by=staff_of(request),
                layout=request.GET.get("layout", ""),
                kind=request.GET.get("kind", ""),
                now=clock.now(),
                told=_told(request.GET),
            ),
        )

    def filing_file(self, request: HttpRequest) -> HttpResponse:
        year, _dash, month = request.GET.get("month", "").partition("-")
        if not (year.isdecimal() and month.isdecimal()):
            raise Http404
        by, kind = staff_of(request), request.GET.get("kind", "")
        return self.sent(
            request,
            lambda: payouts.filing_export(
                year=int(year), month=int(month), by=by, kind=kind, told=_told(request.GET)
            ),
        )

    def writing(self, request: HttpRequest) -> HttpResponse:
        """Show how far a file is, and hand it over; ``file`` is one of our own addresses."""
        file, token = request.GET.get("file", ""), uuid4()
        home = reverse("admin:payments_payoutbatch_changelist")
        if not file.startswith(home):
            raise Http404
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": gettext("File"),
            "token": token,
            "file": f"{file}&token={token}",
            "back": home,
        }
        return TemplateResponse(request, "admin/payments/file.html", context)

    def progress(self, _request: HttpRequest, token: UUID) -> JsonResponse:
        answer = JsonResponse({"percent": Progress(token).percent()})
        answer.headers["Cache-Control"] = "no-store"
        return answer

    def sent(self, request: HttpRequest, work: Callable[[], payouts.File]) -> HttpResponse:
        try:
            file = work()
        except NotAllowed as refusal:
            raise PermissionDenied from refusal
        except DomainError as refusal:
            messages.error(request, str(refusal))
            return HttpResponseRedirect(reverse("admin:payments_payoutbatch_changelist"))
        headers = {
            "Content-Disposition": f'attachment; filename="{file.name}"',
            "Cache-Control": "private, no-store",
        }
        return HttpResponse(file.content, content_type=file.content_type, headers=headers)


def _told(given: QueryDict) -> Told:
    """Return whom to tell how far the work is: the page that sent this token, or nobody."""
    try:
        return Progress(UUID(given.get("token", "")))
    except ValueError:
        return untold


def _to_file(address: str) -> HttpResponse:
    page = reverse("admin:payments_payoutbatch_writing")
    return HttpResponse(headers={"HX-Redirect": f"{page}?{urlencode({'file': address})}"})
