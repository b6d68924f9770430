"""Standing in a queue: paid by blocks of 15 minutes, each begun with a photo at the place."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from django.conf import settings
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from common.db import in_one_unit
from common.errors import Conflict, Invalid
from common.geo import Point, metres_between
from errands.models import Errand, PhotoPurpose
from errands.selectors import blocks_of
from errands.services.moving import By, errand_move, errand_of, illegal_move, target_unless_made
from errands.services.running import require_photo
from errands.states import Move, Role


@in_one_unit
def errand_check_in(
    *, errand_id: UUID, runner: User, photo_id: UUID, position: Point, now: datetime
) -> Errand:
    """Begin the next paid block of a queue; the first began with the start.

    Raises:
        NotFound; Conflict: ``illegal_move``, ``block_running`` until the last one is over,
            ``no_block_left`` until the requester extends.
        Invalid: ``outside_geofence``, ``photo_required`` (a new one for each block).
    """
    errand = errand_of(errand_id=errand_id, user=runner, role=Role.RUNNER)
    by = By(Role.RUNNER, runner, note=str(photo_id), position=position)
    target_unless_made(errand, Move.CHECK_IN, by)
    blocks = blocks_of(errand)
    if blocks is None or blocks.next_at is None:
        raise illegal_move(errand)
    if by.note in blocks.photos:
        return errand
    if blocks.begun >= blocks.paid:
        raise Conflict("no_block_left", _("All paid blocks are begun. Ask for an extension."))
    if now < blocks.next_at:
        wait = (blocks.next_at - now).total_seconds()
        raise Conflict("block_running", _("The last block is not over."), retry_after=int(wait) + 1)
    metres = metres_between(position, errand.pickup)
    if metres > settings.GEOFENCE_M:
        message = _("You are not there yet.")
        raise Invalid("outside_geofence", message, field="position", metres=round(metres))
    require_photo(errand, runner, photo_id, PhotoPurpose.WAITING)
    return errand_move(errand, Move.CHECK_IN, by, now=now)[0]
