"""What staff are asked before something happens."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, ClassVar
from uuid import UUID

from django import forms
from django.http import Http404, HttpRequest
from django.shortcuts import get_object_or_404
from django.utils.translation import gettext_lazy as _
from unfold.forms import BaseDialogForm
from unfold.widgets import (
    UnfoldAdminIntegerFieldWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminSplitDateTimeVerticalWidget,
    UnfoldBooleanSwitchWidget,
)

from accounts.admin import ReasonForm
from common.money import won
from errands.admin.words import FAULTS, MOVES
from errands.models import STATES, Errand
from errands.policy import CASES, MOST_MINUTES, Case, Outcome
from errands.selectors import regions_lately
from errands.services import MOST_COMMISSION, split_of
from errands.states import Move

TRIGGERS = {"runner_percent": "input changed delay:200ms", "goods": "change"}
GOODS = {"yes": True, "no": False}  # what staff say of them; else the rule does


def errand_or_404(object_id: object) -> Errand:
    try:
        key = UUID(str(object_id))
    except ValueError:
        raise Http404 from None
    return get_object_or_404(Errand, pk=key)


class EndForm(ReasonForm):
    """Asks about goods only where some were bought."""

    about_goods: ClassVar[str]

    def __init__(self, request: HttpRequest, object_id: Any = None, *args: Any, **kw: Any) -> None:
        super().__init__(request, object_id, *args, **kw)
        if not errand_or_404(object_id).spent:
            del self.fields[self.about_goods]


class StopForm(EndForm):
    """Why, and whether the receipt of a purchase is believed."""

    about_goods = "goods_unpaid"

    goods_unpaid = forms.BooleanField(
        label=_("Don't repay the goods: the receipt is not believed"),
        required=False,
        widget=UnfoldBooleanSwitchWidget(),
    )
    field_order = ["_form_submitted", "reason", "goods_unpaid"]


class ResolveForm(EndForm):
    """How much of the reward the runner gets, and why; says what that means in won."""

    about_goods = "goods"
    form_after_template = "admin/errands/errand/split.html"

    runner_percent = forms.IntegerField(
        label=_("To the runner, percent of the reward"),
        min_value=0,
        max_value=100,
        widget=UnfoldAdminIntegerFieldWidget(),
    )
    goods = forms.TypedChoiceField(
        label=_("The goods"),
        choices=[
            ("", _("Repaid, unless the runner gets nothing")),
            ("yes", _("Repaid in any case")),
            ("no", _("Not repaid")),
        ],
        coerce=GOODS.get,
        empty_value=None,
        required=False,
        widget=UnfoldAdminSelectWidget(),
    )
    field_order = ["_form_submitted", "runner_percent", "goods", "reason"]

    def __init__(self, request: HttpRequest, object_id: Any = None, *args: Any, **kw: Any) -> None:
        super().__init__(request, object_id, *args, **kw)
        # The same address, asked again with both, answers with what they mean.
        for name in self.fields.keys() & TRIGGERS.keys():
            self.fields[name].widget.attrs |= {
                "hx-get": request.path,
                "hx-include": "[name=runner_percent], [name=goods]",
                "hx-trigger": TRIGGERS[name],
                "hx-target": "#split",
                "hx-select": "#split",
                "hx-swap": "outerHTML",
            }

    def get_after_template_context(
        self, request: HttpRequest, object_id: object = None
    ) -> dict[str, Any]:
        errand = errand_or_404(object_id)
        given = request.POST if "runner_percent" in request.POST else request.GET
        asked, repay = given.get("runner_percent", ""), GOODS.get(given.get("goods", ""))
        shown = [int(asked)] if asked.isdecimal() and int(asked) <= 100 else [100, 50, 0]
        rows = [_split_row(errand, percent, repay) for percent in shown]
        return {"reward": won(errand.reward), "rows": rows}


def _split_row(errand: Errand, percent: int, repay: bool | None) -> tuple[object, ...]:
    split = split_of(errand, Move.RESOLVE, Outcome(percent), repay=repay)
    parts = (split.pay, split.commission, split.expenses, split.refund)
    return percent, *map(won, parts)


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


class TermsForm(BaseDialogForm):
    """From when new terms hold, and what we keep."""

    valid_from = forms.SplitDateTimeField(
        label=_("valid from"),
        # One above the other, as a dialog is narrow; by the browser's own pickers.
        widget=UnfoldAdminSplitDateTimeVerticalWidget(
            date_attrs={"type": "date"}, time_attrs={"type": "time"}
        ),
    )
    commission_percent = forms.IntegerField(
        label=_("commission (%)"),
        min_value=0,
        max_value=MOST_COMMISSION,
        widget=UnfoldAdminIntegerFieldWidget(),
    )


def case_words(case: Case) -> str:
    """Name a case for people."""
    words = (MOVES[case.move], dict(STATES)[case.state], FAULTS[case.fault])
    return " · ".join(str(word) for word in words if word)


def case_choices() -> list[tuple[str, str]]:
    return [(str(number), case_words(case)) for number, case in enumerate(CASES)]


class TermForm(BaseDialogForm):
    """One line of a table; without a percentage it is taken out."""

    case = forms.TypedChoiceField(
        label=_("Case"), choices=case_choices, coerce=lambda number: CASES[int(number)],
        widget=UnfoldAdminSelectWidget(),
    )  # fmt: skip
    after_minutes = forms.IntegerField(
        label=_("More than so many minutes after acceptance"),
        min_value=0,
        max_value=MOST_MINUTES,
        initial=0,
        widget=UnfoldAdminIntegerFieldWidget(),
    )
    runner_percent = forms.IntegerField(
        label=_("To the runner, percent of the reward"),
        help_text=_("Empty takes the line out."),
        min_value=0,
        max_value=100,
        required=False,
        widget=UnfoldAdminIntegerFieldWidget(),
    )
    strike = forms.BooleanField(
        label=_("Counts as a strike"), required=False, widget=UnfoldBooleanSwitchWidget()
    )

    def outcome(self) -> Outcome | None:
        percent = self.cleaned_data["runner_percent"]
        return None if percent is None else Outcome(percent, self.cleaned_data["strike"])
