"""Strikes, reviews and applications that arrive together; the strike's guard with its control."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from threading import Barrier

import pytest

from accounts import policy, services
from accounts.models import RunnerProfile, RunnerState, Strike, User
from common.db import unit_of_work
from tests.conftest import make_runner
from tests.races.crowd import MANY, at_once

pytestmark = [pytest.mark.races, pytest.mark.django_db(transaction=True)]


def test_of_three_strikes_at_once_the_last_pauses(db: None, now: dt.datetime) -> None:
    for number in range(8):
        runner = make_runner(f"runner{number}")

        def strike(nth: int, runner: User = runner) -> bool:
            return services.strike_add(
                runner=runner, reference=f"errand:{nth}", reason="dropped", now=now
            )

        assert Counter(at_once(strike, policy.STRIKES_TO_PAUSE)) == {False: 2, True: 1}
        profile = RunnerProfile.objects.get(user=runner)
        assert (profile.state, profile.strike_count) == (RunnerState.PAUSED, 3)


@pytest.mark.control
def test_control_strikes_that_do_not_take_the_row_miss_each_other(
    bob: User, now: dt.datetime
) -> None:
    written, counted = Barrier(policy.STRIKES_TO_PAUSE), Barrier(policy.STRIKES_TO_PAUSE)

    def strike(nth: int) -> bool:
        with unit_of_work():
            Strike.objects.create(runner=bob, reference=f"errand:{nth}", reason="x", created_at=now)
            written.wait(10)
            pauses = Strike.objects.filter(runner=bob).count() >= policy.STRIKES_TO_PAUSE
            counted.wait(10)  # nobody commits before everybody has counted
            return pauses

    assert at_once(strike, policy.STRIKES_TO_PAUSE) == [False] * 3
    assert Strike.objects.count() == policy.STRIKES_TO_PAUSE


def test_one_review_wins(bob: User, dana: User, now: dt.datetime) -> None:
    RunnerProfile.objects.update(state=RunnerState.APPLIED)
    application = RunnerProfile.objects.get()

    def review(number: int) -> str:
        mine = RunnerProfile.objects.get(pk=application.pk)
        if number % 2:
            return services.runner_approve(profile=mine, by=dana, now=now).state
        return services.runner_reject(profile=mine, by=dana, reason="x", now=now).state

    found = Counter(at_once(review))
    assert found.pop("illegal_move") == MANY - 1
    assert list(found) == [RunnerProfile.objects.get().state]


def test_one_application_wins(alice: User, now: dt.datetime) -> None:
    def apply(_number: int) -> str:
        return services.runner_apply(
            user=alice, birth_date=dt.date(1999, 5, 1), introduction="", kinds=["help"],
            max_kg=5, max_bags=1, now=now,
        ).state  # fmt: skip

    assert Counter(at_once(apply)) == {"applied": 1, "already_applied": MANY - 1}
    assert RunnerProfile.objects.count() == 1


def test_one_ban_wins(alice: User, dana: User, now: dt.datetime) -> None:
    def ban(number: int) -> bool:
        user = User.objects.get(pk=alice.pk)
        return services.user_ban(user=user, by=dana, reason=str(number), now=now).is_active

    assert Counter(at_once(ban)) == {False: 1, "already_banned": MANY - 1}
    assert User.objects.get(pk=alice.pk).session_epoch == 1
