"""Dead letters: tasks that failed for good, to look at and to run again."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.contrib import admin, messages
from django.contrib.admin.actions import delete_selected
from django.db.models import Model, QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext
from unfold.admin import ModelAdmin
from unfold.decorators import display

from common import clock
from common.admin.lists import LargeTable, ReadOnly
from common.broker import letters
from common.errors import DomainError
from common.models import Cause, DeadLetter


class QueueFilter(admin.SimpleListFilter):
    """The queues there are, and not those that the whole table knows."""

    title = _("queue")
    parameter_name = "queue"

    def lookups(self, _request: HttpRequest, _admin: Any) -> list[tuple[str, str]]:
        return [(queue.name, queue.name) for queue in settings.CELERY_TASK_QUEUES]

    def queryset(self, _request: HttpRequest, found: QuerySet[DeadLetter]) -> QuerySet[DeadLetter]:
        return found.filter(queue=self.value()) if self.value() else found


@admin.register(DeadLetter)
class DeadLetterAdmin(ReadOnly, LargeTable, ModelAdmin):
    """Tasks that failed for good; who may change them may send them off again."""

    list_display = (
        "task", "queue", "cause_label", "last_words", "arguments", "died_at", "replayed_at",
    )  # fmt: skip
    list_filter = ("cause", QueueFilter, ("replayed_at", admin.EmptyFieldListFilter))
    search_fields = ("task__startswith", "identity__exact", "arguments__icontains")
    ordering = ("-died_at",)
    fields = (
        "task", "identity", "queue", "cause_label", "arguments", "error", "deaths", "died_at",
        "replayed_at", "created_at",
    )  # fmt: skip
    readonly_fields = ("cause_label", "created_at")
    actions = ("replay", "delete_selected")

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

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return request.user.has_perm("common.delete_deadletter")

    @admin.action(description=_("Dismiss"), permissions=["delete"])
    def delete_selected(
        self, request: HttpRequest, chosen: QuerySet[DeadLetter]
    ) -> HttpResponse | None:
        """Under the name of Django's, which its page of confirmation sends."""
        return delete_selected(self, request, chosen)

    @admin.action(description=_("Run again"), permissions=["replay"])
    def replay(self, request: HttpRequest, chosen: QuerySet[DeadLetter]) -> None:
        waiting = list(chosen.filter(replayed_at=None).order_by("died_at")[: letters.BATCH + 1])
        if len(waiting) > letters.BATCH:
            most = _("No more than %(count)d tasks run again at once, the oldest first.")
            self.message_user(request, most % {"count": letters.BATCH}, messages.WARNING)
        try:
            count = letters.replay(waiting[: letters.BATCH], now=clock.now())
        except DomainError as error:
            self.message_user(request, str(error), messages.ERROR)
            return
        text = ngettext("%(count)d task runs again.", "%(count)d tasks run again.", count)
        self.message_user(request, text % {"count": count}, messages.SUCCESS)
