"""What finance staff are asked before a file is made or read."""

from __future__ import annotations

from django import forms
from django.conf import settings
from django.utils.translation import gettext_lazy as _
from unfold.forms import BaseDialogForm
from unfold.widgets import (
    UnfoldAdminFileFieldWidget,
    UnfoldAdminIntegerFieldWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextInputWidget,
)

from payments import payouts

MONTH = r"^20[0-9]{2}-(0[1-9]|1[0-2])$"


def _layouts() -> list[tuple[str, str]]:
    return [(name, layout["title"]) for name, layout in settings.BANK_LAYOUTS.items()]


def _kinds() -> list[tuple[str, str]]:
    return [(kind, kind.upper()) for kind in payouts.KINDS]


class ExportForm(BaseDialogForm):
    layout = forms.ChoiceField(
        label=_("Layout of the bank"), choices=_layouts, widget=UnfoldAdminSelectWidget
    )
    kind = forms.ChoiceField(label=_("File"), choices=_kinds, widget=UnfoldAdminSelectWidget)


class FilingForm(BaseDialogForm):
    month = forms.RegexField(
        MONTH,
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


class TaxForm(BaseDialogForm):
    """A month, and what was paid to the tax office for it."""

    month = forms.RegexField(MONTH, label=_("Month, as 2026-11"), widget=UnfoldAdminTextInputWidget)
    amount = forms.IntegerField(
        label=_("Amount, in won"), min_value=1, widget=UnfoldAdminIntegerFieldWidget()
    )
