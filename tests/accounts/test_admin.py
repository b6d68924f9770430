"""Staff screens: pages open for staff alone, and every write goes through a service."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import NoReverseMatch, reverse
from pytest_django import DjangoAssertNumQueries

from accounts import services
from accounts.models import RunnerProfile, RunnerState, User
from tests.conftest import make_runner, make_user

pytestmark = pytest.mark.django_db

USERS = "/admin/accounts/user/"
APPLICATIONS = "/admin/accounts/runnerprofile/"
DIALOG = {"_form_submitted": "on"}


def client_of(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


@pytest.fixture
def staff(dana: User) -> Client:
    return client_of(dana)


@pytest.fixture
def application(bob: User) -> RunnerProfile:
    RunnerProfile.objects.update(state=RunnerState.APPLIED, on_duty=False, duty_since=None)
    return RunnerProfile.objects.get()


def clerk(*codenames: str) -> Client:
    user = make_user("erin")
    User.objects.filter(pk=user.pk).update(is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename__in=codenames))
    return client_of(user)


def state_of(profile: RunnerProfile) -> str:
    return RunnerProfile.objects.get(pk=profile.pk).state


def pages(*users: User) -> list[str]:
    profiles = RunnerProfile.objects.all()
    return [
        USERS,
        f"{USERS}?q=ali&is_active__exact=1&runner_profile__state__exact=approved",
        *(f"{USERS}{user.pk}/change/" for user in users),
        APPLICATIONS,
        f"{APPLICATIONS}?q=bob&state__exact=applied",
        *(f"{APPLICATIONS}{profile.pk}/change/" for profile in profiles),
    ]


def test_every_page_opens(staff: Client, alice: User, bob: User, now: dt.datetime) -> None:
    services.strike_add(runner=bob, reference="errand:1", reason="dropped", now=now)
    for page in pages(alice, bob):
        assert staff.get(page).status_code == 200, page
    page = staff.get(f"{USERS}{bob.pk}/change/").content.decode()
    assert "errand:1" in page
    assert bob.password not in page


@pytest.mark.parametrize("page", [USERS, APPLICATIONS])
def test_a_list_asks_no_more_for_more_rows(
    staff: Client, bob: User, django_assert_max_num_queries: DjangoAssertNumQueries, page: str
) -> None:
    with CaptureQueriesContext(connection) as few:
        staff.get(page)
    for number in range(5):
        make_runner(f"runner{number}")
    with django_assert_max_num_queries(len(few)):
        staff.get(page)


@pytest.mark.parametrize("name", ["alice", None])
def test_others_are_sent_to_the_log_in(alice: User, bob: User, name: str | None) -> None:
    client = Client() if name is None else client_of(alice)
    for page in pages(bob):
        answer = client.get(page)
        assert answer.status_code == 302, page
        assert answer["Location"].startswith("/admin/login/")


def test_staff_log_in_with_their_address(dana: User) -> None:
    client = Client()
    assert client.get("/admin/login/").status_code == 200
    form = {"username": "Dana@Example.com", "password": "walk-far-2026"}
    assert client.post("/admin/login/?next=/admin/accounts/user/", form).status_code == 302
    assert client.get(USERS).status_code == 200


def test_nothing_is_added_changed_or_deleted_by_form(staff: Client, alice: User) -> None:
    page = f"{USERS}{alice.pk}"
    assert staff.get(f"{USERS}add/").status_code == 403
    assert staff.post(f"{page}/change/", {"email": "x@example.com"}).status_code == 403
    assert staff.post(f"{page}/delete/", {"post": "yes"}).status_code == 403
    body = {"action": "delete_selected", "_selected_action": str(alice.pk), "post": "yes"}
    staff.post(USERS, body)
    alice.refresh_from_db()
    assert alice.email == "alice@example.com"


@pytest.mark.parametrize("name", ["auth_group", "account_emailaddress"])
def test_what_staff_have_no_business_with_is_not_there(name: str) -> None:
    with pytest.raises(NoReverseMatch):
        reverse(f"admin:{name}_changelist")


def approve(client: Client, *profiles: RunnerProfile) -> Any:
    """What a plain HTTP client sends, the sandbox's staff robot among them."""
    chosen = [str(profile.pk) for profile in profiles]
    return client.post(APPLICATIONS, {"action": "approve_applications", "_selected_action": chosen})


def test_approving_several(staff: Client, dana: User, application: RunnerProfile) -> None:
    rejected = RunnerProfile.objects.get(user=make_runner("carol"))
    waiting = RunnerProfile.objects.get(user=make_runner("erin"))
    untouched = RunnerProfile.objects.get(user=make_runner("frank"))
    RunnerProfile.objects.filter(pk=rejected.pk).update(state=RunnerState.REJECTED)
    RunnerProfile.objects.filter(pk__in=[waiting.pk, untouched.pk]).update(state="applied")
    assert approve(staff, application, rejected, waiting).status_code == 302
    assert state_of(application) == state_of(waiting) == RunnerState.APPROVED
    assert state_of(rejected) == RunnerState.REJECTED
    assert state_of(untouched) == RunnerState.APPLIED
    assert RunnerProfile.objects.get(pk=waiting.pk).reviewed_by == dana


def test_approving_needs_the_permission(application: RunnerProfile) -> None:
    approve(clerk("view_runnerprofile"), application)
    assert state_of(application) == RunnerState.APPLIED


def test_approving_with_the_permission(application: RunnerProfile) -> None:
    approve(clerk("view_runnerprofile", "change_runnerprofile"), application)
    assert state_of(application) == RunnerState.APPROVED


def test_approving_needs_the_csrf_token(dana: User, application: RunnerProfile) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(dana)
    assert approve(client, application).status_code == 403
    assert state_of(application) == RunnerState.APPLIED


def test_a_link_alone_approves_nothing(staff: Client, application: RunnerProfile) -> None:
    page = f"{APPLICATIONS}{application.pk}/approve/"
    assert staff.get(page).status_code == 200
    assert state_of(application) == RunnerState.APPLIED
    answer = staff.post(page, DIALOG)
    assert answer["HX-Redirect"] == f"{APPLICATIONS}{application.pk}/change/"
    assert state_of(application) == RunnerState.APPROVED


def test_rejecting_with_a_reason(staff: Client, application: RunnerProfile) -> None:
    page = f"{APPLICATIONS}{application.pk}/reject/"
    assert "reason" in staff.get(page).content.decode()
    staff.post(page, {**DIALOG, "reason": "사진이 흐려요."})
    assert state_of(application) == RunnerState.REJECTED
    assert RunnerProfile.objects.get().review_note == "사진이 흐려요."


@pytest.mark.parametrize("reason", ["", "   ", "가" * 201])
def test_rejecting_needs_a_reason(staff: Client, application: RunnerProfile, reason: str) -> None:
    answer = staff.post(f"{APPLICATIONS}{application.pk}/reject/", {**DIALOG, "reason": reason})
    assert "HX-Redirect" not in answer.headers
    assert state_of(application) == RunnerState.APPLIED


def test_a_refusal_is_shown(staff: Client, bob: User) -> None:
    profile = RunnerProfile.objects.get()
    answer = staff.post(f"{APPLICATIONS}{profile.pk}/reject/", {**DIALOG, "reason": "x"})
    shown = staff.get(answer["HX-Redirect"]).context["messages"]
    assert [message.level_tag for message in shown] == ["error"]
    assert state_of(profile) == RunnerState.APPROVED


@pytest.mark.parametrize(
    ("state", "offered"),
    [
        (RunnerState.APPLIED, {"approve", "reject"}),
        (RunnerState.APPROVED, set()),
        (RunnerState.REJECTED, set()),
        (RunnerState.PAUSED, {"resume"}),
    ],
)
def test_only_fitting_reviews_are_offered(
    staff: Client, bob: User, state: RunnerState, offered: set[str]
) -> None:
    RunnerProfile.objects.update(state=state)
    page = f"{APPLICATIONS}{RunnerProfile.objects.get().pk}/"
    shown = staff.get(f"{page}change/").content.decode()
    assert {
        name for name in ("approve", "reject", "resume") if f"{page}{name}/" in shown
    } == offered
    assert f"(&#x27;{state}" not in shown


def test_resuming(staff: Client, bob: User) -> None:
    RunnerProfile.objects.update(state=RunnerState.PAUSED)
    profile = RunnerProfile.objects.get()
    staff.post(f"{APPLICATIONS}{profile.pk}/resume/", DIALOG)
    assert state_of(profile) == RunnerState.APPROVED


def test_blocking_and_unblocking(staff: Client, alice: User) -> None:
    staff.post(f"{USERS}{alice.pk}/ban/", {**DIALOG, "reason": "욕설"})
    alice.refresh_from_db()
    assert (alice.is_active, alice.ban_reason) == (False, "욕설")
    page = staff.get(f"{USERS}{alice.pk}/change/").content.decode()
    assert f"{alice.pk}/unban/" in page
    assert f"{alice.pk}/ban/" not in page
    staff.post(f"{USERS}{alice.pk}/unban/", DIALOG)
    alice.refresh_from_db()
    assert alice.is_active


def test_blocking_oneself_is_refused(staff: Client, dana: User) -> None:
    staff.post(f"{USERS}{dana.pk}/ban/", {**DIALOG, "reason": "x"})
    assert User.objects.get(pk=dana.pk).is_active


def test_blocking_needs_a_reason_and_the_permission(staff: Client, alice: User) -> None:
    page = f"{USERS}{alice.pk}/ban/"
    staff.post(page, {**DIALOG, "reason": " "})
    answer = clerk("view_user").post(page, {**DIALOG, "reason": "x"})
    assert answer.status_code == 403
    alice.refresh_from_db()
    assert alice.is_active


@pytest.mark.parametrize(
    "page",
    [f"{USERS}{{}}/ban/", f"{USERS}{{}}/unban/", f"{APPLICATIONS}{{}}/reject/"],
)
@pytest.mark.parametrize("key", ["01900000-0000-7000-8000-000000000000", "nonsense"])
def test_what_is_not_there_is_404(staff: Client, page: str, key: str) -> None:
    answer = staff.post(page.format(key), {**DIALOG, "reason": "x"})
    assert answer.status_code == 404


@pytest.mark.parametrize("key", ["01900000-0000-7000-8000-000000000000", "nonsense"])
def test_a_page_of_nobody_leads_back(staff: Client, key: str) -> None:
    assert staff.get(f"{USERS}{key}/change/").status_code == 302
