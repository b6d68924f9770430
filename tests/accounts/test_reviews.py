"""Staff review applications: each review happens once, whoever is first."""

from __future__ import annotations

import datetime as dt

import pytest

from accounts import selectors, services
from accounts.models import RunnerProfile, RunnerState, User
from common.errors import Conflict, Invalid, NotAllowed
from tests.conftest import make_user

pytestmark = pytest.mark.django_db


@pytest.fixture
def application(bob: User) -> RunnerProfile:
    RunnerProfile.objects.update(state=RunnerState.APPLIED, on_duty=False, duty_since=None)
    return RunnerProfile.objects.get()


def test_approval_lets_run(application: RunnerProfile, dana: User, now: dt.datetime) -> None:
    services.runner_approve(profile=application, by=dana, now=now)
    application.refresh_from_db()
    assert application.state == RunnerState.APPROVED
    assert (application.reviewed_by, application.reviewed_at) == (dana, now)
    assert selectors.approved_runner(application.user) == application


def test_a_rejection_tells_why(application: RunnerProfile, dana: User, now: dt.datetime) -> None:
    services.runner_reject(profile=application, by=dana, reason=" 사진이 흐려요. ", now=now)
    application.refresh_from_db()
    assert application.state == RunnerState.REJECTED
    assert application.review_note == "사진이 흐려요."


@pytest.mark.parametrize("reason", ["", "  ", "가" * 301])
def test_a_rejection_needs_a_reason(
    application: RunnerProfile, dana: User, now: dt.datetime, reason: str
) -> None:
    with pytest.raises(Invalid) as refusal:
        services.runner_reject(profile=application, by=dana, reason=reason, now=now)
    assert refusal.value.code == "reason_required"
    application.refresh_from_db()
    assert application.state == RunnerState.APPLIED


def test_the_second_review_loses(application: RunnerProfile, dana: User, now: dt.datetime) -> None:
    stale = RunnerProfile.objects.get(pk=application.pk)
    services.runner_reject(profile=application, by=dana, reason="No.", now=now)
    with pytest.raises(Conflict) as refusal:
        services.runner_approve(profile=stale, by=make_user("erin", is_staff=True), now=now)
    assert refusal.value.extra == {"state": "rejected"}
    application.refresh_from_db()
    assert (application.state, application.reviewed_by) == (RunnerState.REJECTED, dana)


@pytest.mark.parametrize("state", [RunnerState.APPROVED, RunnerState.REJECTED])
def test_only_a_pause_can_end(
    application: RunnerProfile, dana: User, now: dt.datetime, state: RunnerState
) -> None:
    RunnerProfile.objects.update(state=state)
    with pytest.raises(Conflict):
        services.runner_resume(profile=application, by=dana, now=now)
    application.refresh_from_db()
    assert application.state == state


def test_nobody_reviews_himself(application: RunnerProfile, now: dt.datetime) -> None:
    with pytest.raises(NotAllowed) as refusal:
        services.runner_approve(profile=application, by=application.user, now=now)
    assert refusal.value.code == "own_application"
    application.refresh_from_db()
    assert application.state == RunnerState.APPLIED
