"""Staff screens for people. They only read, except for actions that call a service."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from allauth.account.models import EmailAddress
from django import forms
from django.contrib import admin, messages
from django.contrib.auth.hashers import identify_hasher
from django.contrib.auth.models import Group
from django.core.exceptions import PermissionDenied
from django.db.models import Model, QuerySet, prefetch_related_objects
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _
from unfold.admin import ModelAdmin, TabularInline
from unfold.dataclasses import ActionDialog, UnfoldAction
from unfold.decorators import action, display
from unfold.enums import ActionVariant
from unfold.forms import BaseDialogForm
from unfold.widgets import UnfoldAdminTextareaWidget

from accounts import services
from accounts.models import RunnerProfile, RunnerState, Strike, User
from common import clock
from common.admin import LargeTable, ReadOnly
from common.errors import DomainError

STATE_COLOURS = {
    RunnerState.APPLIED.value: "info",
    RunnerState.APPROVED.value: "success",
    RunnerState.REJECTED.value: "danger",
    RunnerState.PAUSED.value: "warning",
}
FITTING_REVIEWS = {
    RunnerState.APPLIED.value: {"approve", "reject"},
    RunnerState.PAUSED.value: {"resume"},
}

# Roles come with the moderation back office; addresses are changed by their owner alone.
admin.site.unregister(Group)
admin.site.unregister(EmailAddress)


class ReasonForm(BaseDialogForm):
    """A dialog that wants a written reason of up to 200 characters."""

    reason = forms.CharField(
        label=_("Reason"), max_length=200, widget=UnfoldAdminTextareaWidget(attrs={"rows": 3})
    )


def dialog(title: Any, form_class: type[BaseDialogForm] = BaseDialogForm) -> ActionDialog:
    """Ask before acting. A dialog is what makes an action a POST: its link alone does nothing."""
    return ActionDialog(title=title, description="", form_class=form_class, form_submit_text=title)


class ReadOnlyAdmin(ReadOnly, LargeTable, ModelAdmin):
    """Nothing changes with a form; what changes at all does so by an action through a service."""

    def fitting_actions(self, row: Any) -> set[str]:
        """Return the paths of the actions that make sense for this row now."""
        raise NotImplementedError

    def get_actions_detail(self, request: HttpRequest, object_id: Any) -> list[UnfoldAction]:
        # Only what is shown: an action that came too late is refused by its service, with a word.
        permitted: list[UnfoldAction] = super().get_actions_detail(request, object_id)
        row = self.get_object(request, str(object_id))
        fitting = self.fitting_actions(row) if row is not None else set()
        return [action for action in permitted if action.path in fitting]

    def act(
        self, request: HttpRequest, row: Model, work: Callable[[], object], done: str
    ) -> HttpResponse:
        """Call a service for ``row``, say how it went, and go back to the row's page."""
        try:
            work()
        except DomainError as refusal:
            messages.error(request, str(refusal))
        else:
            self.log_change(request, row, done)
            messages.success(request, done)
        page = f"admin:{self.opts.app_label}_{self.opts.model_name}_change"
        # The dialog is sent by htmx, which takes this header for a redirect of the whole page.
        return HttpResponse(headers={"HX-Redirect": reverse(page, args=[row.pk])})


def staff_of(request: HttpRequest) -> User:
    if not isinstance(request.user, User):
        raise PermissionDenied
    return request.user


class StrikeInline(ReadOnly, TabularInline):
    model = Strike
    fields = readonly_fields = ["created_at", "reference", "reason"]
    ordering = ["-id"]
    extra = 0


@admin.register(User)
class UserAdmin(ReadOnlyAdmin):
    list_display = ["email", "nickname", "standing", "is_staff", "running", "created_at"]
    list_filter = ["is_active", "is_staff", "runner_profile__state"]
    list_select_related = ["runner_profile"]
    search_fields = ["email__startswith", "nickname__icontains"]
    ordering = ["-id"]
    inlines = [StrikeInline]
    actions_detail = ["ban", "unban"]
    fields = [
        "email", "nickname", "password_kept", "created_at", "last_login", "running",
        "is_active", "banned_at", "ban_reason", "is_staff", "is_superuser",
    ]  # fmt: skip
    readonly_fields = fields

    @display(description=_("standing"), label={"active": "success", "banned": "danger"})
    def standing(self, user: User) -> tuple[str, str]:
        if user.is_active:
            return "active", gettext("Active")
        return "banned", gettext("Blocked")

    @display(description=_("running"))
    def running(self, user: User) -> str | SafeString:
        profile: RunnerProfile | None = getattr(user, "runner_profile", None)
        if profile is None:
            return "–"
        page = reverse("admin:accounts_runnerprofile_change", args=[profile.pk])
        return format_html('<a href="{}">{}</a>', page, profile.get_state_display())

    @display(description=_("password"))
    def password_kept(self, user: User) -> str:
        if not user.has_usable_password():
            return gettext("None")
        return gettext("Kept as %(algorithm)s") % {
            "algorithm": identify_hasher(user.password).algorithm
        }

    def fitting_actions(self, row: User) -> set[str]:
        return {"ban"} if row.banned_at is None else {"unban"}

    def has_ban_permission(self, request: HttpRequest, object_id: object = None) -> bool:
        return staff_of(request).has_perm("accounts.change_user")

    @action(
        description=_("Block"),
        permissions=["ban"],
        url_path="ban",
        variant=ActionVariant.DANGER,
        dialog=dialog(_("Block this account"), ReasonForm),
    )
    def ban(self, request: HttpRequest, form: ReasonForm, object_id: str) -> HttpResponse:
        user = self.found(request, object_id)
        reason = form.cleaned_data["reason"]

        def work() -> object:
            by = staff_of(request)
            return services.user_ban(user=user, by=by, reason=reason, now=clock.now())

        return self.act(request, user, work, gettext("Blocked: %s") % reason)

    @action(
        description=_("Unblock"),
        permissions=["ban"],
        url_path="unban",
        dialog=dialog(_("Unblock this account")),
    )
    def unban(self, request: HttpRequest, form: BaseDialogForm, object_id: str) -> HttpResponse:
        user = self.found(request, object_id)

        def work() -> object:
            return services.user_unban(user=user, by=staff_of(request), now=clock.now())

        return self.act(request, user, work, gettext("Unblocked."))

    def found(self, request: HttpRequest, object_id: str) -> User:
        user = self.get_object(request, object_id)
        if not isinstance(user, User):
            raise Http404
        return user


@admin.register(RunnerProfile)
class RunnerProfileAdmin(ReadOnlyAdmin):
    list_display = ["user", "state_label", "kinds_text", "on_duty", "strike_count", "created_at"]
    list_filter = ["state", "on_duty"]
    list_select_related = ["user", "reviewed_by"]
    search_fields = ["user__email__startswith", "user__nickname__icontains"]
    ordering = ["-id"]
    actions = ["approve_applications"]
    actions_detail = ["approve", "reject", "resume"]
    fields = [
        "user", "state", "birth_date", "introduction", "kinds_text", "max_kg", "max_bags",
        "on_duty", "duty_since", "strikes", "created_at",
        "reviewed_by", "reviewed_at", "review_note",
    ]  # fmt: skip
    readonly_fields = fields

    @display(description=_("state"), label=STATE_COLOURS, ordering="state")
    def state_label(self, profile: RunnerProfile) -> tuple[str, str]:
        return profile.state, profile.get_state_display()

    @display(description=_("errand kinds"))
    def kinds_text(self, profile: RunnerProfile) -> str:
        return ", ".join(profile.kinds)

    @display(description=_("strikes"))
    def strikes(self, profile: RunnerProfile) -> str | SafeString:
        # Asked for several times while one page is made; fetched once.
        prefetch_related_objects([profile.user], "strikes")
        lines = [
            (f"{timezone.localtime(each.created_at):%Y-%m-%d %H:%M}", each.reference, each.reason)
            for each in sorted(profile.user.strikes.all(), key=lambda each: each.pk, reverse=True)
        ]
        return format_html_join("", "<div>{} · {} · {}</div>", lines) or "–"

    def fitting_actions(self, row: RunnerProfile) -> set[str]:
        return FITTING_REVIEWS.get(row.state, set())

    def has_review_permission(self, request: HttpRequest, object_id: object = None) -> bool:
        return staff_of(request).has_perm("accounts.change_runnerprofile")

    @admin.action(description=_("Approve the chosen applications"), permissions=["review"])
    def approve_applications(self, request: HttpRequest, queryset: QuerySet[RunnerProfile]) -> None:
        waiting = queryset.prefetch_related("user")
        approved = sum(self.approved(request, profile) for profile in waiting)
        done = ngettext("%d application approved.", "%d applications approved.", approved)
        messages.success(request, done % approved)

    def approved(self, request: HttpRequest, profile: RunnerProfile) -> bool:
        """Approve one of several; a refusal becomes a warning and does not stop the others."""
        try:
            services.runner_approve(profile=profile, by=staff_of(request), now=clock.now())
        except DomainError as refusal:
            messages.warning(request, f"{profile}: {refusal}")
            return False
        self.log_change(request, profile, gettext("Approved."))
        return True

    @action(
        description=_("Approve"),
        permissions=["review"],
        url_path="approve",
        variant=ActionVariant.SUCCESS,
        dialog=dialog(_("Approve this application")),
    )
    def approve(self, request: HttpRequest, form: BaseDialogForm, object_id: str) -> HttpResponse:
        return self.review(request, object_id, services.runner_approve, gettext("Approved."))

    @action(
        description=_("Reject"),
        permissions=["review"],
        url_path="reject",
        variant=ActionVariant.DANGER,
        dialog=dialog(_("Reject this application"), ReasonForm),
    )
    def reject(self, request: HttpRequest, form: ReasonForm, object_id: str) -> HttpResponse:
        reason = form.cleaned_data["reason"]
        done = gettext("Rejected: %s") % reason
        return self.review(request, object_id, services.runner_reject, done, reason=reason)

    @action(
        description=_("Resume"),
        permissions=["review"],
        url_path="resume",
        dialog=dialog(_("Let this runner run again")),
    )
    def resume(self, request: HttpRequest, form: BaseDialogForm, object_id: str) -> HttpResponse:
        done = gettext("Running again.")
        return self.review(request, object_id, services.runner_resume, done)

    def review(
        self,
        request: HttpRequest,
        object_id: str,
        service: Callable[..., RunnerProfile],
        done: str,
        **given: str,
    ) -> HttpResponse:
        profile = self.get_object(request, object_id)
        if not isinstance(profile, RunnerProfile):
            raise Http404

        def work() -> object:
            return service(profile=profile, by=staff_of(request), now=clock.now(), **given)

        return self.act(request, profile, work, done)
