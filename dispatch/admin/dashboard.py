"""The figures on the first page of the admin."""

from __future__ import annotations

from typing import Any, NamedTuple

from django.db.models import Count
from django.http import HttpRequest
from django.urls import reverse
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from accounts.models import RunnerProfile
from common.money import won
from errands.models import Errand
from errands.states import LIVE, UNDERWAY, State
from payments.selectors import escrow_total


class Figure(NamedTuple):
    label: str | Promise
    value: str
    page: str


def figures(_request: HttpRequest, context: dict[str, Any]) -> dict[str, Any]:
    """Add today's figures to the first page's ``context``; three queries."""
    live = Errand.objects.filter(state__in=LIVE).order_by().values_list("state")
    count = dict(live.annotate(Count("pk")))
    on_duty = RunnerProfile.objects.filter(on_duty=True).count()
    runners = reverse("admin:accounts_runnerprofile_changelist")
    context["figures"] = [
        _errands(_("Looking for a runner"), count, State.OPEN),
        _errands(_("In progress"), count, *sorted(UNDERWAY)),
        _errands(_("Disputed"), count, State.DISPUTED),
        Figure(_("Runners on duty"), f"{on_duty:,}", f"{runners}?on_duty__exact=1"),
        Figure(
            _("Held in escrow"), won(escrow_total()), reverse("admin:payments_transfer_changelist")
        ),
    ]
    return context


def _errands(label: str | Promise, count: dict[str, int], *states: State) -> Figure:
    number = sum(count.get(state, 0) for state in states)
    page = reverse("admin:errands_errand_changelist")
    return Figure(label, f"{number:,}", f"{page}?state__in={','.join(states)}")
