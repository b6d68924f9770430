"""Why nobody was asked, on the pages of the errand and of the run."""

from __future__ import annotations

from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from dispatch.models import NoOffer, Solve
from errands.admin.page import TABLE, Part, at
from errands.models import Errand

MOST_SHOWN = 200
RULES = _("in reach → who may → who can carry it → who keep their promises")


def no_offers_part(errand: Errand) -> Part:
    """Each reason that was a new one, with the run that found it."""
    found = NoOffer.objects.filter(errand=errand).order_by("id")
    rows = [(_run(row), row.get_reason_display(), _left(row)) for row in found[:MOST_SHOWN]]
    return Part(_("Nobody was asked"), TABLE, rows, [_("when"), _("why"), RULES])


def _run(row: NoOffer) -> SafeString:
    page = reverse("admin:dispatch_solve_change", args=[row.solve_id])
    return format_html('<a href="{}">{}</a>', page, at(row.created_at))


def _left(row: NoOffer) -> str:
    return f"{row.near} → {row.allowed} → {row.able} → {row.timely}"


def reasons_html(solve: Solve) -> SafeString:
    """The errands of which a run, read with ``unmatched``, says something new; each with why."""
    found = sorted(solve.unmatched.all(), key=lambda row: row.pk)
    rows = (
        (
            reverse("admin:errands_errand_change", args=[row.errand_id]),
            row.errand, row.get_reason_display(), _left(row),
        )
        for row in found[:MOST_SHOWN]
    )  # fmt: skip
    lines = format_html_join("", '<li><a href="{}">{}</a>: {} ({})</li>', rows)
    return format_html("<ul>{}</ul>", lines)
