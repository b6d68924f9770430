"""What a runner does with an errand: take it, give it back, arrive, pick up, deliver."""

from __future__ import annotations

import secrets
from datetime import datetime
from uuid import UUID

from django.conf import settings
from django.core.cache import cache
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from accounts.services import strike_add
from common.db import in_one_unit
from common.errors import Conflict, Invalid
from common.geo import Point, metres_between
from errands.models import Errand, Photo, PhotoPurpose, ProofKind
from errands.policy import Fault, outcome_of
from errands.selectors import terms_at
from errands.services.moving import (
    By,
    errand_move,
    errand_of,
    illegal_move,
    minutes_since_accepted,
    target_unless_made,
    unmatched_until,
)
from errands.states import Move, Role, State

PIN_TRIES = 5
PIN_PAUSE_S = 600
LEAST_REASON = 5


@in_one_unit
def errand_accept(*, errand_id: UUID, runner: User, now: datetime) -> Errand:
    """Give an open errand to ``runner``: of any number who try, exactly one gets it.

    Raises:
        Conflict: ``illegal_move`` with the present state; ``own_errand``.
    """
    errand = Errand.objects.get(pk=errand_id)
    if errand.requester_id == runner.pk:
        raise Conflict("own_errand", _("You can't run your own errand."))
    if errand.state != State.OPEN:
        raise illegal_move(errand)
    errand, _moved = errand_move(
        errand, Move.ACCEPT, By(Role.RUNNER, runner), now=now, runner=runner, accepted_at=now
    )
    return errand


@in_one_unit
def errand_drop(*, errand_id: UUID, runner: User, reason: str, now: datetime) -> Errand:
    """Give an errand back before its pickup; later than a minute it counts as a strike."""
    errand = errand_of(errand_id=errand_id, user=runner, role=Role.RUNNER)
    outcome = outcome_of(
        Move.DROP, State(errand.state), fault=Fault.NONE,
        minutes=minutes_since_accepted(errand, now), terms=terms_at(errand.created_at).table,
    )  # fmt: skip
    # The two hours count from the first opening: a drop must not start the wait anew.
    errand, _moved = errand_move(
        errand, Move.DROP, By(Role.RUNNER, runner, note=reason), now=now,
        runner=None, accepted_at=None, spent=None,
        due_at=unmatched_until(errand, errand.opened_at or now),
    )  # fmt: skip
    if outcome.strike:
        strike_add(runner=runner, reference=errand.reference, reason="drop", now=now)
    return errand


@in_one_unit
def errand_arrive(
    *, errand_id: UUID, runner: User, position: Point, reason: str, now: datetime
) -> Errand:
    """Arrive at the pickup or the destination: within 150 m of it, or with a written reason.

    Raises:
        Invalid: ``outside_geofence`` with ``metres`` to go.
    """
    errand = errand_of(errand_id=errand_id, user=runner, role=Role.RUNNER)
    by = By(Role.RUNNER, runner, note=reason, position=position)
    target_unless_made(errand, Move.ARRIVE, by)
    metres = metres_between(position, place_ahead(errand))
    if metres > settings.GEOFENCE_M and len(reason.strip()) < LEAST_REASON:
        message = _("You are not there yet. If you are, please write why the position differs.")
        raise Invalid("outside_geofence", message, field="position", metres=round(metres))
    return errand_move(errand, Move.ARRIVE, by, now=now)[0]


def place_ahead(errand: Errand) -> Point:
    """Where the runner of ``errand`` has to be next."""
    carrying = errand.state in {State.PICKED_UP, State.AT_DROPOFF, State.DELIVERED}
    return (errand.dropoff if carrying else None) or errand.pickup


@in_one_unit
def errand_pick_up(
    *, errand_id: UUID, runner: User, photo_id: UUID | None, pin: str, now: datetime
) -> Errand:
    """Take the goods (or start, where there is one place): by PIN if asked for, else a photo."""
    errand = errand_of(errand_id=errand_id, user=runner, role=Role.RUNNER)
    by = By(Role.RUNNER, runner)
    target_unless_made(errand, Move.PICK_UP, by)
    if errand.pickup_pin:
        check_pin(errand, errand.pickup_pin, pin)
    else:
        require_photo(errand, runner, photo_id, PhotoPurpose.PICKUP)
    return errand_move(errand, Move.PICK_UP, by, now=now)[0]


@in_one_unit
def errand_deliver(
    *, errand_id: UUID, runner: User, photo_id: UUID | None, pin: str,
    position: Point | None, now: datetime,
) -> Errand:  # fmt: skip
    """Hand over, proven the way the requester chose; starts the 24 h for objections."""
    errand = errand_of(errand_id=errand_id, user=runner, role=Role.RUNNER)
    by = By(Role.RUNNER, runner, position=position)
    target_unless_made(errand, Move.DELIVER, by)
    if errand.proof == ProofKind.PIN:
        check_pin(errand, errand.dropoff_pin, pin)
    else:
        require_photo(errand, runner, photo_id, PhotoPurpose.DELIVERY)
    if errand.budget and errand.spent is None:
        message = _("Please say what the goods cost first.")
        raise Invalid("receipt_required", message, field="photo_id")
    return errand_move(errand, Move.DELIVER, by, now=now)[0]


def require_photo(
    errand: Errand, uploader: User, photo_id: UUID | None, purpose: PhotoPurpose
) -> None:
    """Raise ``photo_required`` unless the photo is of this errand, by this person, for this."""
    found = photo_id and Photo.objects.filter(
        pk=photo_id, errand=errand, uploader=uploader, purpose=purpose
    )
    if not found or not found.exists():
        raise Invalid("photo_required", _("A photo of this step is needed."), field="photo_id")


def check_pin(errand: Errand, expected: str, given: str) -> None:
    """Compare a PIN; five wrong ones close the door for ten minutes.

    The count lives in the cache, because the unit of a wrong try is rolled back.
    """
    key = f"pin:{errand.pk}:{errand.state}"
    if int(cache.get(key, 0)) >= PIN_TRIES:
        message = _("Too many wrong PINs. Please wait ten minutes.")
        raise Conflict("too_many_pins", message, retry_after=PIN_PAUSE_S)
    if not secrets.compare_digest(expected.encode(), given.encode()):
        cache.add(key, 0, PIN_PAUSE_S)  # the pause runs from the first wrong try
        cache.incr(key)
        raise Invalid("wrong_pin", _("The PIN is wrong."), field="pin")
