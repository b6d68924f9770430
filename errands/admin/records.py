"""What the lists of errands and of dispatch have in common."""

from __future__ import annotations

from typing import Any

from django.contrib.admin import DateFieldListFilter
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display

from accounts.admin import ReadOnlyAdmin
from common.models import Record


class WhenFilter(DateFieldListFilter):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.title = _("when")


class RecordAdmin(ReadOnlyAdmin):
    """A list of what happened, the newest first; nothing can be edited."""

    ordering = ["-id"]
    list_per_page = 50

    def fitting_actions(self, row: Any) -> set[str]:
        return set()

    @display(description=_("when"), ordering="created_at")
    def when(self, row: Record) -> Any:
        return row.created_at
