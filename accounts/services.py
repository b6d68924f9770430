"""Every write about people. Each function is one unit of work, or joins the caller's."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any
from uuid import UUID

from django.db import IntegrityError
from django.db.models import F
from django.utils.translation import gettext_lazy as _

from accounts import policy
from accounts.models import RunnerProfile, RunnerState, Strike, User
from accounts.selectors import approved_runner
from accounts.signals import duty_changed, user_banned
from common.db import in_one_unit, on_commit, run_in_unit
from common.errors import Conflict, Invalid, NotAllowed

OFF_DUTY: dict[str, Any] = {"on_duty": False, "duty_since": None}


def user_rename(*, user: User, nickname: str) -> User:
    """Give ``user`` another nickname of 2–30 visible characters.

    Raises:
        Invalid: ``bad_nickname``.
    """
    user.nickname = checked_nickname(nickname)
    run_in_unit(lambda: User.objects.filter(pk=user.pk).update(nickname=user.nickname))
    return user


def checked_nickname(nickname: str) -> str:
    """Return the nickname as it is stored.

    Raises:
        Invalid: ``bad_nickname``.
    """
    tidy = policy.tidy_nickname(nickname)
    if not policy.is_nickname(tidy):
        message = _("A nickname has 2 to 30 visible characters.")
        raise Invalid("bad_nickname", message, field="nickname")
    return tidy


# --- Runner applications -----------------------------------------------------------------


def runner_apply(
    *,
    user: User,
    birth_date: date,
    introduction: str,
    kinds: Sequence[str],
    max_kg: int,
    max_bags: int,
    now: datetime,
) -> RunnerProfile:
    """Apply to run, for the first time or again after a rejection.

    Raises:
        Invalid: ``bad_birth_date``, ``bad_kinds`` or ``bad_capacity``.
        NotAllowed: ``too_young``, under 19 by the Korean date.
        Conflict: ``already_applied``, with the application's ``state``.
    """
    _check_application(birth_date, kinds, max_kg, max_bags, now)
    application = {
        "birth_date": birth_date,
        "introduction": introduction,
        "kinds": sorted(set(kinds), key=policy.KINDS.index),
        "max_kg": max_kg,
        "max_bags": max_bags,
    }
    try:
        return run_in_unit(lambda: _apply(user, application))
    except IntegrityError as error:
        raise _already_applied() from error


def _check_application(
    birth_date: date, kinds: Sequence[str], max_kg: int, max_bags: int, now: datetime
) -> None:
    if not policy.OLDEST_BIRTH <= birth_date <= policy.korean_date(now):
        raise Invalid("bad_birth_date", _("Please check the date of birth."), field="birth_date")
    if not policy.may_run(birth_date, now):
        raise NotAllowed("too_young", _("Runners are 19 or older."))
    if not kinds or not set(kinds) <= set(policy.KINDS):
        raise Invalid("bad_kinds", _("Choose at least one kind of errand."), field="kinds")
    if not (1 <= max_kg <= policy.MAX_KG and 1 <= max_bags <= policy.MAX_BAGS):
        message = _("You can carry 1 to 30 kg in 1 to 10 bags.")
        raise Invalid("bad_capacity", message, field="max_kg")


def _apply(user: User, application: dict[str, Any]) -> RunnerProfile:
    earlier = RunnerProfile.objects.filter(user_id=user.pk).first()
    if earlier is None:
        return RunnerProfile.objects.create(user=user, **application)
    again = {**application, "state": RunnerState.APPLIED, "review_note": ""}
    # Staff may be looking at it right now: only a rejected application is replaced.
    if not RunnerProfile.objects.filter(pk=earlier.pk, state=RunnerState.REJECTED).update(
        reviewed_by=None, reviewed_at=None, **again
    ):
        raise _already_applied(earlier.state)
    return RunnerProfile.objects.get(pk=earlier.pk)


def _already_applied(state: str = RunnerState.APPLIED) -> Conflict:
    return Conflict("already_applied", _("You have applied already."), state=state)


def runner_approve(*, profile: RunnerProfile, by: User, now: datetime) -> RunnerProfile:
    """Let an applicant run.

    Raises:
        Conflict: ``illegal_move`` with ``state``, when it isn't a waiting application any more.
        NotAllowed: ``own_application``.
    """
    return _review(profile, by, now, RunnerState.APPLIED, RunnerState.APPROVED)


def runner_reject(*, profile: RunnerProfile, by: User, reason: str, now: datetime) -> RunnerProfile:
    """Turn an applicant down with a written reason, which the applicant reads.

    Raises:
        Invalid: ``reason_required``.
        Conflict: ``illegal_move`` with ``state``.
        NotAllowed: ``own_application``.
    """
    return _review(
        profile, by, now, RunnerState.APPLIED, RunnerState.REJECTED, _written(reason, 300)
    )


def runner_resume(*, profile: RunnerProfile, by: User, now: datetime) -> RunnerProfile:
    """End a pause; strikes from before don't count towards the next one.

    Raises:
        Conflict: ``illegal_move`` with ``state``.
        NotAllowed: ``own_application``.
    """
    return _review(profile, by, now, RunnerState.PAUSED, RunnerState.APPROVED)


def _review(
    profile: RunnerProfile,
    by: User,
    now: datetime,
    before: RunnerState,
    after: RunnerState,
    note: str = "",
) -> RunnerProfile:
    if profile.user_id == by.pk:
        raise NotAllowed("own_application", _("Someone else has to review your application."))
    moved = run_in_unit(
        lambda: RunnerProfile.objects.filter(pk=profile.pk, state=before).update(
            state=after, reviewed_by=by, reviewed_at=now, review_note=note
        )
    )
    profile.refresh_from_db()
    if not moved:
        raise Conflict("illegal_move", state=profile.state)
    return profile


def _written(reason: str, longest: int) -> str:
    reason = reason.strip()
    if not 1 <= len(reason) <= longest:
        raise Invalid("reason_required", _("Please write the reason."), field="reason")
    return reason


# --- Duty and strikes --------------------------------------------------------------------


@in_one_unit
def duty_start(*, user: User, now: datetime) -> RunnerProfile:
    """Put an approved runner on duty; one who already is stays so.

    Raises:
        NotAllowed: as :func:`accounts.selectors.approved_runner`.
    """
    profile = approved_runner(user)
    started = RunnerProfile.objects.filter(
        pk=profile.pk, state=RunnerState.APPROVED, on_duty=False
    ).update(on_duty=True, duty_since=now)
    if started:
        _announce_duty(user.pk, on_duty=True)
    profile.refresh_from_db(fields=["state", "on_duty", "duty_since"])
    return profile


@in_one_unit
def duty_end(*, user: User, now: datetime) -> bool:
    """Take ``user`` off duty at ``now``; return whether they were on duty."""
    ended = RunnerProfile.objects.filter(user_id=user.pk, on_duty=True).update(**OFF_DUTY)
    if ended:
        _announce_duty(user.pk, on_duty=False)
    return bool(ended)


@in_one_unit
def strike_add(*, runner: User, reference: str, reason: str, now: datetime) -> bool:
    """Note a fault once per ``reference``; return whether it paused the runner.

    Three within 14 days, counted from the last review on, pause running until staff resume it.
    """
    if Strike.objects.filter(runner=runner, reference=reference).exists():
        return False
    # Counting up takes the row, so that two strikes at once can't each miss the other.
    RunnerProfile.objects.filter(user_id=runner.pk).update(strike_count=F("strike_count") + 1)
    Strike.objects.create(runner=runner, reference=reference, reason=reason, created_at=now)
    return _recent_strikes(runner, now) >= policy.STRIKES_TO_PAUSE and _pause(runner, now)


def _recent_strikes(runner: User, now: datetime) -> int:
    since = now - policy.STRIKE_WINDOW
    profile = RunnerProfile.objects.filter(user_id=runner.pk).first()
    if profile is not None and profile.reviewed_at is not None:
        since = max(since, profile.reviewed_at)
    return Strike.objects.filter(runner=runner, created_at__gte=since).count()


def _pause(runner: User, now: datetime) -> bool:
    paused = RunnerProfile.objects.filter(user_id=runner.pk, state=RunnerState.APPROVED).update(
        state=RunnerState.PAUSED
    )
    duty_end(user=runner, now=now)
    return bool(paused)


def _announce_duty(user_id: UUID, *, on_duty: bool) -> None:
    on_commit(lambda: duty_changed.send_robust(sender=User, user_id=user_id, on_duty=on_duty))


# --- Bans --------------------------------------------------------------------------------


@in_one_unit
def user_ban(*, user: User, by: User, reason: str, now: datetime) -> User:
    """Shut ``user`` out at once: no log-in, every session and token dead, off duty.

    Raises:
        Invalid: ``reason_required``.
        NotAllowed: ``own_account``, or ``superuser_only`` for an administrator's account.
        Conflict: ``already_banned``.
    """
    _check_may_ban(user, by)
    banned = User.objects.filter(pk=user.pk, banned_at__isnull=True).update(
        is_active=False,  # what Django and allauth look at; the rest is ours
        banned_at=now,
        ban_reason=_written(reason, 200),
        session_epoch=F("session_epoch") + 1,
    )
    if not banned:
        raise Conflict("already_banned", _("This account is blocked already."))
    duty_end(user=user, now=now)
    on_commit(lambda: user_banned.send_robust(sender=User, user_id=user.pk))
    user.refresh_from_db()
    return user


def _check_may_ban(user: User, by: User) -> None:
    if user.pk == by.pk:
        raise NotAllowed("own_account", _("You can't block yourself."))
    if user.is_superuser and not by.is_superuser:
        raise NotAllowed("superuser_only", _("Only an administrator can block this account."))


@in_one_unit
def user_unban(*, user: User, by: User, now: datetime) -> User:
    """Let ``user`` log in again; sessions from before the ban stay dead.

    Raises:
        NotAllowed: ``own_account`` or ``superuser_only``.
        Conflict: ``not_banned``.
    """
    _check_may_ban(user, by)
    if not User.objects.filter(pk=user.pk, banned_at__isnull=False).update(
        is_active=True, banned_at=None, ban_reason=""
    ):
        raise Conflict("not_banned", _("This account isn't blocked."))
    user.refresh_from_db()
    return user
