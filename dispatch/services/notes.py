"""What a matching run leaves for the staff: what went in, and why nobody was asked."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import datetime
from uuid import UUID

import msgspec

from common.db import run_in_unit
from common.redis import client
from dispatch.matching import NonOffer, Solution
from dispatch.matching.borders import Spot, reached
from dispatch.models import NoOffer, Reason, Solve
from dispatch.services.areas import key_of
from dispatch.services.inputs import Inputs

REASONS_KEPT_S = 3_600


def solve_note(
    area: str, inputs: Inputs, solution: Solution, *, took_ms: float, estimated: int, now: datetime
) -> Solve | None:
    """Write a run down, with the reasons that are new; None when there is nothing new to it.

    Runs come every few seconds as long as an errand waits, and mostly find what the last one did.
    """
    unmatched = _explained(inputs, solution)
    news = _news(area, unmatched)
    if not solution.matches and not news:
        return None
    solve = Solve(
        area=area, digest=_digest(inputs), errands=len(inputs.wanted), runners=len(inputs.free),
        took_ms=round(took_ms, 3), estimated=estimated, created_at=now,
    )  # fmt: skip
    rows = [
        NoOffer(solve=solve, errand_id=errand_id, created_at=now, **why._asdict())
        for errand_id, why in news.items()
    ]
    run_in_unit(lambda: _insert(solve, rows))
    _remember(area, unmatched)
    return solve


def _insert(solve: Solve, rows: list[NoOffer]) -> None:
    solve.save(force_insert=True)
    NoOffer.objects.bulk_create(rows)


def _digest(inputs: Inputs) -> str:
    # Sets have another order in every process; the digest must not.
    plain = msgspec.to_builtins([inputs.wanted, inputs.free], str_keys=True, order="deterministic")
    return hashlib.sha256(msgspec.json.encode(plain)).hexdigest()


def _explained(inputs: Inputs, solution: Solution) -> dict[UUID, NonOffer]:
    """The solver's reasons; of runners who belong to the next area it does not know."""
    alone = {
        errand_id
        for errand_id, why in solution.unmatched.items()
        if why.reason == Reason.NO_RUNNER_IN_REACH
    }
    lonely = [each for each in inputs.wanted if each.id in alone]
    lent = reached([Spot(each.pickup, each.reach_m) for each in lonely], inputs.lent)
    elsewhere = {
        each.id: NonOffer(Reason.NEXT_AREA) for each, near in zip(lonely, lent, strict=True) if near
    }
    return {**solution.unmatched, **elsewhere}


def _news(area: str, unmatched: Mapping[UUID, NonOffer]) -> dict[UUID, NonOffer]:
    """Those whose reason is not the one of the last note."""
    known = client().hgetall(_key(area))
    return {pk: why for pk, why in unmatched.items() if known.get(pk.hex) != why.reason}


def _remember(area: str, unmatched: Mapping[UUID, NonOffer]) -> None:
    pipe = client().pipeline()
    pipe.delete(_key(area))
    if unmatched:
        pipe.hset(_key(area), mapping={pk.hex: str(why.reason) for pk, why in unmatched.items()})
        pipe.expire(_key(area), REASONS_KEPT_S)
    pipe.execute()


def _key(area: str) -> str:
    return key_of(area, "reasons")
