"""On and off duty, strikes, and the pause that three of them bring."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from typing import Any
from uuid import UUID

import pytest
from pytest_django import DjangoCaptureOnCommitCallbacks

from accounts import selectors, services
from accounts.models import RunnerProfile, RunnerState, Strike, User
from accounts.signals import duty_changed
from common.errors import NotAllowed
from tests.conftest import make_runner

pytestmark = pytest.mark.django_db

DAY = dt.timedelta(days=1)


@pytest.fixture
def news() -> Iterator[list[tuple[UUID, bool]]]:
    """What ``duty_changed`` announced."""
    heard: list[tuple[UUID, bool]] = []

    def hear(user_id: UUID, on_duty: bool, **_rest: Any) -> None:
        heard.append((user_id, on_duty))

    duty_changed.connect(hear)
    yield heard
    duty_changed.disconnect(hear)


def profile_of(user: User) -> RunnerProfile:
    return RunnerProfile.objects.get(user=user)


def refused(user: User, now: dt.datetime) -> str:
    with pytest.raises(NotAllowed) as refusal:
        services.duty_start(user=user, now=now)
    return refusal.value.code


def test_going_on_and_off_duty(
    now: dt.datetime,
    db: None,
    news: list[tuple[UUID, bool]],
    django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
) -> None:
    bob = make_runner("bob", on_duty=False)
    with django_capture_on_commit_callbacks(execute=True):
        profile = services.duty_start(user=bob, now=now)
        services.duty_start(user=bob, now=now + DAY)
        assert news == []
    assert (profile.on_duty, profile_of(bob).duty_since) == (True, now)
    assert set(selectors.on_duty([bob.pk])) == {bob.pk}
    with django_capture_on_commit_callbacks(execute=True):
        assert services.duty_end(user=bob, now=now)
        assert not services.duty_end(user=bob, now=now)
    assert (profile_of(bob).on_duty, profile_of(bob).duty_since) == (False, None)
    assert selectors.on_duty([bob.pk]) == {}
    assert news == [(bob.pk, True), (bob.pk, False)]


def test_who_never_applied_is_refused(charlie: User, now: dt.datetime) -> None:
    assert refused(charlie, now) == "not_a_runner"


@pytest.mark.parametrize(
    ("state", "code"),
    [
        (RunnerState.APPLIED, "runner_not_approved"),
        (RunnerState.REJECTED, "runner_not_approved"),
        (RunnerState.PAUSED, "runner_paused"),
    ],
)
def test_who_may_not_run_is_refused(
    db: None, now: dt.datetime, state: RunnerState, code: str
) -> None:
    bob = make_runner("bob", on_duty=False)
    RunnerProfile.objects.update(state=state)
    assert refused(bob, now) == code
    assert not profile_of(bob).on_duty


def test_a_banned_runner_is_refused_though_the_caller_has_not_noticed(
    db: None, dana: User, now: dt.datetime
) -> None:
    bob = make_runner("bob", on_duty=False)
    services.user_ban(user=User.objects.get(pk=bob.pk), by=dana, reason="x", now=now)
    assert bob.is_active
    assert refused(bob, now) == "banned"


def strike(runner: User, number: int, now: dt.datetime) -> bool:
    return services.strike_add(
        runner=runner, reference=f"errand:{number}", reason="dropped", now=now
    )


def test_three_strikes_in_fourteen_days_pause(
    bob: User,
    now: dt.datetime,
    news: list[tuple[UUID, bool]],
    django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        assert [strike(bob, n, now + n * DAY) for n in range(3)] == [False, False, True]
    profile = profile_of(bob)
    assert (profile.state, profile.on_duty, profile.strike_count) == (RunnerState.PAUSED, False, 3)
    assert refused(bob, now) == "runner_paused"
    assert news == [(bob.pk, False)]


def test_two_strikes_do_not_pause(bob: User, now: dt.datetime) -> None:
    assert not any(strike(bob, n, now) for n in range(2))
    assert profile_of(bob).on_duty


def test_the_same_fault_counts_once(bob: User, now: dt.datetime) -> None:
    assert not any(strike(bob, 1, now) for _time in range(5))
    assert Strike.objects.count() == profile_of(bob).strike_count == 1
    assert profile_of(bob).state == RunnerState.APPROVED


def test_strikes_older_than_fourteen_days_do_not_count(bob: User, now: dt.datetime) -> None:
    late = now + 14 * DAY + dt.timedelta(seconds=1)
    assert not any(strike(bob, n, at) for n, at in enumerate((now, late, late)))
    assert profile_of(bob).state == RunnerState.APPROVED


def test_others_strikes_do_not_count(bob: User, now: dt.datetime) -> None:
    carol = make_runner("carol")
    assert not any(strike(runner, n, now) for runner in (bob, carol) for n in range(2))
    assert profile_of(bob).on_duty
    assert profile_of(carol).on_duty


def test_after_a_review_counting_starts_anew(bob: User, dana: User, now: dt.datetime) -> None:
    for number in range(3):
        strike(bob, number, now)
    services.runner_resume(profile=profile_of(bob), by=dana, now=now + DAY)
    assert not any(strike(bob, n, now + 2 * DAY) for n in (3, 4))
    assert profile_of(bob).state == RunnerState.APPROVED
    assert strike(bob, 5, now + 2 * DAY)
    assert profile_of(bob).state == RunnerState.PAUSED
