"""Files that finance staff fetch, and the page that shows how far one is."""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import urlencode
from uuid import UUID, uuid4

from django.contrib import messages
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
from django.utils.translation import gettext

from accounts.admin import ReadOnlyAdmin, staff_of
from common import clock
from common.errors import DomainError, NotAllowed
from common.progress import Progress, Told, untold
from payments import payouts


class Downloads(ReadOnlyAdmin):
    """The addresses of the files; the services see to who may have them."""

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
                told=told_by(request.GET),
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
                year=int(year), month=int(month), by=by, kind=kind, told=told_by(request.GET)
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


def told_by(given: QueryDict) -> Told:
    """Return whom to tell how far the work is: the page that sent this token, or nobody."""
    try:
        return Progress(UUID(given.get("token", "")))
    except ValueError:
        return untold


def to_file(address: str) -> HttpResponse:
    page = reverse("admin:payments_payoutbatch_writing")
    return HttpResponse(headers={"HX-Redirect": f"{page}?{urlencode({'file': address})}"})
