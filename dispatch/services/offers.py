"""The offers of a run are made together; each waits for one runner."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from uuid import UUID

from django.conf import settings
from django.db import IntegrityError
from django.db.models import F

from accounts.selectors import on_duty
from common.db import on_commit, run_in_unit
from common.ids import uuid7
from common.prepared import Prepared
from dispatch.matching import Match
from dispatch.models import Offer, OfferState, Solve
from dispatch.selectors import NEVER_AGAIN, answers_about, offer_view, runners_asked
from dispatch.services.messages import News, messages_send, turns_take
from dispatch.signals import offers_made
from errands.models import Errand
from errands.states import State


def offers_make(
    *, matches: Sequence[Match], errands: Mapping[UUID, Errand], solve: Solve, now: datetime
) -> int:
    """Offer what was matched, all of it in one unit; return how many offers were made.

    ``errands`` are as the run read them: what changed since, or whose runner did, is left out.
    """
    if not matches:
        return 0
    try:
        return run_in_unit(lambda: _make(matches, errands, solve, now))
    except IntegrityError:
        # Another run offered one of these errands, or something to one of these runners: its
        # offer stands. In halves, which soon leaves nothing out but that one.
        if len(matches) == 1:
            return 0
        half = len(matches) // 2
        return sum(
            offers_make(matches=some, errands=errands, solve=solve, now=now)
            for some in (matches[:half], matches[half:])
        )


def _make(
    matches: Sequence[Match], errands: Mapping[UUID, Errand], solve: Solve, now: datetime
) -> int:
    turns_take(runner_ids=[match.runner_id for match in matches])
    fitting = _still_fitting(matches, errands)
    offers = [offer for match in fitting for offer in _offers(match, errands, solve, now)]
    if not offers:
        return 0
    Offer.objects.bulk_create(offers)
    messages_send(
        [News(offer.runner_id, "offer.made", {"offer": offer_view(offer)}) for offer in offers]
    )
    Solve.objects.filter(pk=solve.pk).update(offered=F("offered") + len(offers))
    expires_at = offers[0].expires_at
    on_commit(lambda: offers_made.send_robust(sender=Offer, expires_at=expires_at))
    return len(offers)


def _offers(
    match: Match, errands: Mapping[UUID, Errand], solve: Solve, now: datetime
) -> list[Offer]:
    size = len(match.errand_ids)
    bundle = uuid7() if size > 1 else None
    return [
        Offer(
            errand=errands[errand_id], runner_id=match.runner_id, solve=solve,
            pay=errands[errand_id].reward, added_minutes=terms["added_minutes"], terms=terms,
            bundle=bundle, bundle_size=size, slot=slot, created_at=now,
            expires_at=now + timedelta(seconds=settings.OFFER_LIFE_S),
        )
        for slot, (errand_id, terms) in enumerate(zip(match.errand_ids, match.terms, strict=True))
    ]  # fmt: skip


def _still_fitting(matches: Sequence[Match], errands: Mapping[UUID, Errand]) -> list[Match]:
    """Ask again what the run asked before it solved: somebody may have answered or left since.

    Safe behind the runners' turns, which every answer and every end of a duty takes first.
    """
    runner_ids = [match.runner_id for match in matches]
    errand_ids = [errand_id for match in matches for errand_id in match.errand_ids]
    idle = _idle_runners(runner_ids)
    asked, refused = _asked_and_refused(errand_ids)
    unchanged = _unchanged(errand_ids, errands) - asked
    return [
        match
        for match in matches
        if match.runner_id in idle
        and unchanged.issuperset(match.errand_ids)
        and refused.isdisjoint((errand_id, match.runner_id) for errand_id in match.errand_ids)
    ]


def _idle_runners(ids: Sequence[UUID]) -> set[UUID]:
    """Who is on duty, and is not being asked about anything."""
    return on_duty(ids).keys() - runners_asked(ids)


def _unchanged(ids: Sequence[UUID], errands: Mapping[UUID, Errand]) -> set[UUID]:
    """The errands that are open as they were read."""
    still_open = STILL_OPEN.rows(ids=list(ids))
    return {pk for pk, version in still_open if version == errands[pk].version}


def _asked_and_refused(ids: Sequence[UUID]) -> tuple[set[UUID], set[tuple[UUID, UUID]]]:
    """The errands about which somebody is being asked; and whom to ask about which no more."""
    asked, refused = set(), set()
    for errand_id, runner_id, state in answers_about(ids):
        if state == OfferState.OFFERED:
            asked.add(errand_id)
        elif state in NEVER_AGAIN:
            refused.add((errand_id, runner_id))
    return asked, refused


STILL_OPEN = Prepared(
    lambda ids: Errand.objects.filter(pk__in=ids, state=State.OPEN),
    lambda *row: row,
    ["id", "version"],
)
