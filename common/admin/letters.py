"""Dead letters: tasks that failed for good, to look at and to run again."""

from __future__ import annotations

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext
from unfold.admin import ModelAdmin
from unfold.decorators import display

from common import clock
from common.admin.lists import ReadOnly
from common.broker import letters
from common.errors import DomainError
from common.models import Cause, DeadLetter


@admin.register(DeadLetter)
class DeadLetterAdmin(ReadOnly, ModelAdmin):
    """Tasks that failed for good; who may change them may send them off again."""

    list_display = (
        "task", "queue", "cause_label", "last_words", "arguments", "died_at", "replayed_at",
    )  # fmt: skip
    list_filter = ("cause", "queue", ("replayed_at", admin.EmptyFieldListFilter))
    search_fields = ("task", "identity", "arguments", "error")
    ordering = ("-died_at",)
    fields = (
        "task", "identity", "queue", "cause_label", "arguments", "error", "deaths", "died_at",
        "replayed_at", "created_at",
    )  # fmt: skip
    readonly_fields = ("cause_label", "created_at")
    actions = ("replay",)

    @display(
        description=_("cause"),
        ordering="cause",
        label={Cause.FAILED: "warning", Cause.REJECTED: "warning", **dict.fromkeys(
            (Cause.KILLED, Cause.UNKNOWN, Cause.UNREADABLE), "danger")},
    )  # fmt: skip
    def cause_label(self, letter: DeadLetter) -> tuple[str, str | Promise]:
        return letter.cause, letter.get_cause_display()

    @display(description=_("error"))
    def last_words(self, letter: DeadLetter) -> str:
        """The end of a traceback says what went wrong."""
        return letter.error.strip().rpartition("\n")[2][:200]

    def has_replay_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("common.change_deadletter")

    @admin.action(description=_("Run again"), permissions=["replay"])
    def replay(self, request: HttpRequest, chosen: QuerySet[DeadLetter]) -> None:
        waiting = chosen.filter(replayed_at=None).order_by("died_at")
        try:
            count = letters.replay(waiting, now=clock.now())
        except DomainError as error:
            self.message_user(request, str(error), messages.ERROR)
            return
        text = ngettext("%(count)d task runs again.", "%(count)d tasks run again.", count)
        self.message_user(request, text % {"count": count}, messages.SUCCESS)
