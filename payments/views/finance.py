"""The page of finance staff; routed through the admin site, and for their permission alone."""

from __future__ import annotations

from typing import NamedTuple

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.functional import Promise
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from accounts.models import User
from common import clock
from common.money import won
from payments import audit
from payments.audit import Figures, Waiting
from payments.payouts import FINANCE


class Card(NamedTuple):
    """A figure, where to look closer, and whether somebody has to see to it."""

    label: str | Promise
    value: str
    page: str
    urgent: bool = False
    note: str = ""


@require_safe
@never_cache
def finance(request: HttpRequest) -> HttpResponse:
    """Show where the money is. 403 without the permission for finance."""
    if not (isinstance(request.user, User) and request.user.has_perm(FINANCE)):
        raise PermissionDenied
    found = audit.figures(now=clock.now())
    context = {
        **admin.site.each_context(request),
        "title": _("Finance"),
        "todo": _todo(found),
        "money": _money(found),
        "flows": [
            (_period(flow.days), won(flow.came), won(flow.went), won(flow.earned))
            for flow in found.flows
        ],
    }
    return render(request, "admin/finance.html", context)


def _todo(found: Figures) -> list[Card]:
    rows = [
        (_("Open differences"), found.differences, _list("difference", "state__exact=open")),
        (_("Batches to approve"), found.batches, _list("payoutbatch", "state__exact=made")),
        (_("Refunds to decide"), found.undecided, _list("staffrefund", "state__exact=waiting")),
        (_("Refunds stuck"), found.refunds_stuck, _list("refund", "state__exact=requested")),
    ]
    return [Card(label, f"{number:,}", page, number > 0) for label, number, page in rows]


def _money(found: Figures) -> list[Card]:
    entries = _list("transfer")
    return [
        Card(_("At the gateway"), won(found.gateway), _list("payment", "state__exact=done")),
        Card(_("Held in escrow"), won(found.escrow), _list("account", "kind__exact=escrow")),
        Card(_("Owed to runners"), won(found.users), _list("account", "kind__exact=user")),
        _waiting(_("Payouts under way"), found.payouts, _list("payout")),
        _waiting(_("Refunds under way"), found.refunds, _list("refund", "state__exact=requested")),
        Card(_("Tax payable"), won(found.tax), _list("payout", "state__exact=paid")),
        Card(_("Fees earned"), won(found.fees), entries),
        Card(_("Not explained yet"), won(found.suspense), _list("difference"), found.suspense != 0),
    ]


def _waiting(label: str | Promise, found: Waiting, page: str) -> Card:
    note = ngettext("%d of them", "%d of them", found.rows) % found.rows
    return Card(label, won(found.amount), page, note=note)


def _period(days: int) -> str:
    return gettext("Today") if days == 1 else ngettext("%d day", "%d days", days) % days


def _list(name: str, query: str = "") -> str:
    page = reverse(f"admin:payments_{name}_changelist")
    return f"{page}?{query}" if query else page
