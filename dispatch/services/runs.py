"""One matching run of one area: read, solve, offer."""

from __future__ import annotations

import hashlib
import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from uuid import UUID

import msgspec
from django.conf import settings
from django.db.models import Max

from accounts.models import RunnerProfile
from accounts.selectors import on_duty_profiles
from common.db import run_in_unit
from common.geo import Point
from dispatch import locations, matching
from dispatch.matching import Free, Rules, Visit, Wanted
from dispatch.models import Offer, OfferState, Solve
from dispatch.policy import reach_m, route
from dispatch.selectors import carried_by, load_of, visible_errands
from dispatch.services.offers import NEVER_AGAIN, offer_make
from dispatch.services.turns import area_turn, wanted_again
from errands.models import Errand

MOST_ROUNDS = 3
IDLE_WINDOW = timedelta(hours=1)


def match_area(*, area: str, now: datetime) -> int:
    """Offer the open errands of an area to the best runners; return how many offers were made.

    Raises:
        Unavailable: Redis does not answer.
    """
    made = 0
    # Who was turned away meanwhile counts on us; after some rounds the sweep may go on.
    for _round in range(MOST_ROUNDS):
        with area_turn(area) as mine:
            made += _run(area, now) if mine else 0
        if not mine or not wanted_again(area):
            break
    return made


def _run(area: str, now: datetime) -> int:
    started = time.perf_counter()
    errands = {errand.pk: errand for errand in _waiting(area, now)}
    if not errands:
        return 0
    wanted = _wanted(list(errands.values()), now)
    free = _free(wanted, now)
    solution = matching.solve(wanted, free, rules=Rules(most_bundled=1))
    if not solution.matches:
        return 0
    solve = _note_solve(area, wanted, free, (time.perf_counter() - started) * 1_000)
    made = sum(
        offer_make(errand=errands[match.errand_ids[0]], match=match, solve=solve, now=now)
        for match in solution.matches
    )
    run_in_unit(lambda: Solve.objects.filter(pk=solve.pk).update(offered=made))
    return made


def _waiting(area: str, now: datetime) -> list[Errand]:
    """The errands of ``area`` that may be offered and about which nobody is being asked."""
    found = list(visible_errands(now).filter(area=area).order_by("id"))
    asked = set(
        Offer.objects.filter(
            errand_id__in=[errand.pk for errand in found], state=OfferState.OFFERED
        ).values_list("errand_id", flat=True)
    )
    return [errand for errand in found if errand.pk not in asked]


def _wanted(errands: Sequence[Errand], now: datetime) -> list[Wanted]:
    excluded: dict[UUID, set[UUID]] = defaultdict(set)
    ignored: dict[UUID, Counter[UUID]] = defaultdict(Counter)
    answered = Offer.objects.filter(
        errand_id__in=[errand.pk for errand in errands],
        state__in=(*NEVER_AGAIN, OfferState.EXPIRED),
    )
    for errand_id, runner_id, state in answered.values_list("errand_id", "runner_id", "state"):
        if state in NEVER_AGAIN:
            excluded[errand_id].add(runner_id)
        else:
            ignored[errand_id][runner_id] += 1
    return [_wish(e, excluded[e.pk], ignored[e.pk], now) for e in errands]


def _wish(errand: Errand, excluded: set[UUID], ignored: Counter[UUID], now: datetime) -> Wanted:
    waited_s = errand.waited_s(now)
    return Wanted(
        id=errand.pk,
        requester_id=errand.requester_id,
        kind=errand.kind,
        pickup=errand.pickup,
        dropoff=errand.dropoff,
        weight_kg=errand.weight_kg,
        bags=errand.bags,
        waited_s=waited_s,
        reach_m=reach_m(waited_s, settings.REACH_STEPS),
        excluded=frozenset(excluded),
        ignored=dict(ignored),
    )


def _free(wanted: Sequence[Wanted], now: datetime) -> list[Free]:
    """The runners on duty around these errands about whom nothing waits for an answer."""
    margin = max(each.reach_m for each in wanted)
    places = locations.around([each.pickup for each in wanted], margin, now=now)
    # In every area: near its edge a runner is within reach of two.
    asked = set(Offer.objects.filter(state=OfferState.OFFERED).values_list("runner_id", flat=True))
    profiles = on_duty_profiles(runner_id for runner_id in places if runner_id not in asked)
    carried = carried_by(profiles)
    asked_last = _asked_last(profiles, now)
    return [
        _runner(profile, places[runner_id], carried.get(runner_id, []), asked_last, now)
        for runner_id, profile in sorted(profiles.items())
    ]


def _asked_last(ids: Iterable[UUID], now: datetime) -> dict[UUID, datetime]:
    recent = Offer.objects.filter(runner_id__in=list(ids), created_at__gte=now - IDLE_WINDOW)
    return dict(recent.values_list("runner_id").annotate(Max("created_at")))


def _runner(
    profile: RunnerProfile,
    position: Point,
    carried: Sequence[Errand],
    asked_last: dict[UUID, datetime],
    now: datetime,
) -> Free:
    stops = route(position, [load_of(errand) for errand in carried])
    idle_since = asked_last.get(profile.user_id) or profile.duty_since or now
    return Free(
        id=profile.user_id,
        position=position,
        kinds=frozenset(profile.kinds),
        kg_left=profile.max_kg - sum(errand.weight_kg for errand in carried),
        bags_left=profile.max_bags - sum(errand.bags for errand in carried),
        carried=len(carried),
        stops=tuple(Visit(stop.point) for stop in stops),
        idle_s=max(0.0, (now - idle_since).total_seconds()),
    )


def _note_solve(area: str, wanted: Sequence[Wanted], free: Sequence[Free], took_ms: float) -> Solve:
    # Sets have another order in every process; the digest must not.
    plain = msgspec.to_builtins([wanted, free], str_keys=True, order="deterministic")
    inputs = msgspec.json.encode(plain)
    return run_in_unit(
        lambda: Solve.objects.create(
            area=area, digest=hashlib.sha256(inputs).hexdigest(),
            errands=len(wanted), runners=len(free), took_ms=round(took_ms, 3),
        )
    )  # fmt: skip
