"""What staff are asked before something happens."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django import forms
from django.http import Http404, HttpRequest
from django.shortcuts import get_object_or_404
from django.utils.translation import gettext_lazy as _
from unfold.forms import BaseDialogForm
from unfold.widgets import UnfoldAdminIntegerFieldWidget, UnfoldAdminSelectWidget

from accounts.admin import ReasonForm
from common.money import won
from errands.models import Errand
from errands.policy import Outcome
from errands.selectors import regions_lately
from errands.services import split_of


def errand_or_404(object_id: object) -> Errand:
    try:
        key = UUID(str(object_id))
    except ValueError:
        raise Http404 from None
    return get_object_or_404(Errand, pk=key)


class ResolveForm(ReasonForm):
    """How much of the reward the runner gets, and why; says what that means in won."""

    form_after_template = "admin/errands/errand/split.html"

    runner_percent = forms.IntegerField(
        label=_("To the runner, percent of the reward"),
        min_value=0,
        max_value=100,
        widget=UnfoldAdminIntegerFieldWidget(),
    )
    field_order = ["_form_submitted", "runner_percent", "reason"]

    def __init__(self, request: HttpRequest, *args: Any, **kwargs: Any) -> None:
        super().__init__(request, *args, **kwargs)
        # The same address, asked again with a number, answers with what that number means.
        self.fields["runner_percent"].widget.attrs |= {
            "hx-get": request.path,
            "hx-trigger": "input changed delay:200ms",
            "hx-target": "#split",
            "hx-select": "#split",
            "hx-swap": "outerHTML",
        }

    def get_after_template_context(
        self, request: HttpRequest, object_id: object = None
    ) -> dict[str, Any]:
        errand = errand_or_404(object_id)
        asked = request.POST.get("runner_percent") or request.GET.get("runner_percent", "")
        shown = [int(asked)] if asked.isdecimal() and int(asked) <= 100 else [100, 50, 0]
        return {"reward": won(errand.reward), "rows": [_split_row(errand, n) for n in shown]}


def _split_row(errand: Errand, percent: int) -> tuple[int, str, str, str]:
    split = split_of(errand, Outcome(percent))
    return percent, won(split.pay), won(split.commission), won(split.refund)


def area_choices() -> list[tuple[str, str]]:
    return [(code, f"{address} ({code})") for code, address in regions_lately().items()]


class WeatherForm(BaseDialogForm):
    """Where the weather is bad, and for how many hours from now."""

    area = forms.ChoiceField(
        label=_("area"), choices=area_choices, widget=UnfoldAdminSelectWidget()
    )
    hours = forms.IntegerField(
        label=_("For how many hours"),
        min_value=1,
        max_value=72,
        initial=3,
        widget=UnfoldAdminIntegerFieldWidget(),
    )

    def until(self, now: datetime) -> datetime:
        return now + timedelta(hours=self.cleaned_data["hours"])
