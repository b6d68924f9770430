"""Errands, their events and their accepted offers, read side by side in chunks."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from itertools import islice
from uuid import UUID

from dispatch.audit.findings import Finding
from dispatch.audit.replay import Problem, Step, replay
from dispatch.models import Offer, OfferState
from errands.models import Errand, ErrandEvent
from errands.states import FUNDED

CHUNK = 500
COLUMNS = ("pk", "kind", "state", "version", "runner_id", "reward", "service_fee", "budget")


class Lives:
    """One pass over all errands; afterwards it knows what escrow has to hold."""

    def __init__(self) -> None:
        self.errands = 0
        self.events = 0
        self.held: dict[str, int] = {}  # reference of a funded errand → won

    def findings(self) -> Iterator[Finding]:
        for chunk in _chunks():
            self.errands += len(chunk)
            steps, winners = _steps([e.pk for e in chunk]), _winners([e.pk for e in chunk])
            for errand in chunk:
                self._note(errand, steps[errand.pk])
                problems = [
                    *replay(
                        steps[errand.pk], kind=errand.kind, state=errand.state,
                        version=errand.version,
                    ),
                    *winner_problems(errand.runner_id, winners[errand.pk]),
                ]  # fmt: skip
                yield from (Finding(p.code, errand.reference, p.detail) for p in problems)

    def _note(self, errand: Errand, steps: Sequence[Step]) -> None:
        self.events += len(steps)
        if errand.state in FUNDED:
            self.held[errand.reference] = errand.total


def winner_problems(runner_id: UUID | None, accepted: Sequence[UUID]) -> Iterator[Problem]:
    """Compare who runs an errand with whose offers count as accepted."""
    if len(accepted) > 1:
        yield Problem("two_winners", f"{len(accepted)} offers are accepted")
    if list(accepted) != ([] if runner_id is None else [runner_id]):
        names = ", ".join(map(str, accepted)) or "nobody"
        yield Problem("winner_unexplained", f"runner {runner_id}, accepted by {names}")


def _chunks() -> Iterator[list[Errand]]:
    rows = Errand.objects.only(*COLUMNS).order_by("pk").iterator(chunk_size=CHUNK)
    while chunk := list(islice(rows, CHUNK)):
        yield chunk


def _steps(errand_ids: list[UUID]) -> dict[UUID, list[Step]]:
    found: defaultdict[UUID, list[Step]] = defaultdict(list)
    events = ErrandEvent.objects.filter(errand_id__in=errand_ids).order_by("errand_id", "sequence")
    for errand_id, *event in events.values_list("errand_id", *Step._fields):
        found[errand_id].append(Step(*event))
    return found


def _winners(errand_ids: list[UUID]) -> dict[UUID, list[UUID]]:
    found: defaultdict[UUID, list[UUID]] = defaultdict(list)
    offers = Offer.objects.filter(errand_id__in=errand_ids, state=OfferState.ACCEPTED)
    for errand_id, runner_id in offers.values_list("errand_id", "runner_id"):
        found[errand_id].append(runner_id)
    return found
