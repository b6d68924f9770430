"""The one way an errand changes its state."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID

from django.conf import settings
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from common.db import on_commit
from common.errors import Conflict, NotFound
from common.geo import Point
from errands.models import Errand, ErrandEvent
from errands.policy import Fault
from errands.signals import errand_changed
from errands.states import FINAL, Kind, Move, Role, State, target_of


class By(NamedTuple):
    """Who makes a move, and what they say about it."""

    role: Role
    user: User | None = None
    reason: str = ""
    note: str = ""
    position: Point | None = None
    fault: Fault = Fault.NONE


def errand_of(*, errand_id: UUID, user: User, role: Role) -> Errand:
    """Fetch an errand in which ``user`` has ``role``; for anyone else it does not exist."""
    mine = {Role.REQUESTER: {"requester": user}, Role.RUNNER: {"runner": user}}[role]
    errand = Errand.objects.filter(pk=errand_id, **mine).first()
    if errand is None:
        raise NotFound
    return errand


def errand_move(
    errand: Errand,
    move: Move,
    by: By,
    *,
    now: datetime,
    wanted: State | None = None,
    **changes: Any,
) -> tuple[Errand, bool]:
    """Make ``move`` and record it; must run inside a unit of work.

    ``changes`` are further columns set by the same update. Returns the errand as it is now and
    whether it moved: False when the very same move had been made before.

    Raises:
        Conflict: ``illegal_move``, with the present ``state``.
    """
    source = State(errand.state)
    target = target_unless_made(errand, move, by, wanted=wanted)
    if target is None:
        return errand, False
    values = {"state": target, "version": errand.version + 1, **_times(target, now), **changes}
    moved = Errand.objects.filter(pk=errand.pk, state=source, version=errand.version)
    if not moved.update(**values):
        # Lost to another move, or to this very one sent twice at once.
        errand = Errand.objects.get(pk=errand.pk)
        if not _is_repeated(errand, move, by):
            raise illegal_move(errand)
        return errand, False
    for name, value in values.items():
        setattr(errand, name, value)
    record(errand, move, by, source=source, now=now)
    return errand, True


def target_unless_made(
    errand: Errand, move: Move, by: By, *, wanted: State | None = None
) -> State | None:
    """Return where ``move`` leads now, or None when the very same move was the last one.

    Services that ask for evidence call it first: "not in this state" goes before "wrong PIN",
    which would let PINs be tried long before the door.

    Raises:
        Conflict: ``illegal_move``, with the present ``state``.
    """
    state = State(errand.state)
    target = target_of(move, state, kind=Kind(errand.kind), role=by.role, wanted=wanted)
    if target is None and not _is_repeated(errand, move, by):
        raise illegal_move(errand)
    return target


def record(errand: Errand, move: Move, by: By, *, source: State | str, now: datetime) -> None:
    """Append the event that explains ``errand``'s present version, and announce it."""
    lat, lng = by.position or (None, None)
    ErrandEvent.objects.create(
        errand=errand, sequence=errand.version, move=move, from_state=source,
        to_state=errand.state, role=by.role, actor=by.user, reason=by.reason, note=by.note,
        fault=by.fault, lat=lat, lng=lng, created_at=now,
    )  # fmt: skip
    news = {
        "errand_id": errand.pk,
        "sequence": errand.version,
        "move": move,
        "state": State(errand.state),
        "area": errand.area,
    }
    on_commit(lambda: errand_changed.send_robust(sender=Errand, **news))


def illegal_move(errand: Errand) -> Conflict:
    message = _("This is not possible now: the errand is in another state.")
    return Conflict("illegal_move", message, state=errand.state)


def _is_repeated(errand: Errand, move: Move, by: By) -> bool:
    last = ErrandEvent.objects.filter(errand=errand, sequence=errand.version).first()
    actor_id = by.user.pk if by.user else None
    said = (move, by.role, actor_id, by.reason, by.note)
    return last is not None and said == (
        last.move, last.role, last.actor_id, last.reason, last.note
    )  # fmt: skip


def _times(target: State, now: datetime) -> dict[str, Any]:
    """The columns that follow from entering ``target``: what the clock does next, and when."""
    if target in FINAL:
        return {"ended_at": now, "due_at": None}
    if target == State.DELIVERED:
        return {"delivered_at": now, "due_at": now + settings.OBJECTION_WINDOW}
    if target == State.OPEN:
        return {}  # whoever opens it knows how long; a raise changes nothing
    return {"due_at": None}


def unmatched_until(errand: Errand, now: datetime) -> datetime:
    """When an errand that opens at ``now`` lapses: 2 h unmatched, or its deadline if sooner."""
    latest: datetime = errand.visible_from(now) + settings.UNMATCHED_LIFE
    return min(latest, errand.deadline_at or latest)


def minutes_since_accepted(errand: Errand, now: datetime) -> float:
    since = now - (errand.accepted_at or now)
    return max(since, timedelta(0)).total_seconds() / 60
