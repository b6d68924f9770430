"""Two-way reviews after the end."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from django.db import IntegrityError
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from common.db import in_one_unit
from common.errors import Conflict, NotFound
from errands.models import Errand, Review
from errands.states import State

REVIEWED = frozenset({State.COMPLETED, State.RETURNED, State.REFUNDED})


@in_one_unit
def review_give(
    *, errand_id: UUID, author: User, stars: int, tags: Sequence[str], comment: str, now: datetime
) -> Review:
    """Store one side's review, once.

    Raises:
        NotFound; Conflict ``not_ended`` or ``already_reviewed``.
    """
    mine = Q(requester=author) | Q(runner=author)
    errand = Errand.objects.filter(mine, pk=errand_id).first()
    if errand is None:
        raise NotFound
    if errand.state not in REVIEWED or errand.runner_id is None:
        message = _("A review can be given once the errand is done.")
        raise Conflict("not_ended", message, state=errand.state)
    if Review.objects.filter(errand=errand, author=author).exists():
        raise _already_reviewed()
    to_runner = errand.requester_id == author.pk
    review = Review(
        errand=errand,
        author=author,
        subject_id=errand.runner_id if to_runner else errand.requester_id,
        stars=stars,
        tags=list(tags),
        comment=comment,
        created_at=now,
    )
    try:
        review.save(force_insert=True)
    except IntegrityError as error:  # sent twice at once; this unit ends here
        raise _already_reviewed() from error
    return review


def _already_reviewed() -> Conflict:
    return Conflict("already_reviewed", _("You have reviewed this errand already."))
