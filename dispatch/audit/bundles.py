"""Offers made together: one runner, one place each in the order, and one question at a time."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import NamedTuple
from uuid import UUID

from dispatch.audit.findings import Finding
from dispatch.models import Offer, OfferState

CHUNK = 2_000


class Part(NamedTuple):
    """One offer of a bundle."""

    runner_id: UUID
    slot: int
    bundle_size: int


def bundle_findings() -> Iterator[Finding]:
    yield from _torn()
    yield from _asked_twice()


def _torn() -> Iterator[Finding]:
    """Bundles whose offers do not belong together; all are read, a bundle at a time."""
    rows = Offer.objects.filter(bundle__isnull=False).order_by("bundle")
    parts: list[Part] = []
    present: UUID | None = None
    for bundle, *part in rows.values_list("bundle", *Part._fields).iterator(chunk_size=CHUNK):
        if bundle != present:
            yield from _problem(present, parts)
            present, parts = bundle, []
        parts.append(Part(*part))
    yield from _problem(present, parts)


def _problem(bundle: UUID | None, parts: Sequence[Part]) -> Iterator[Finding]:
    wrong = [
        what
        for what, is_wrong in (
            ("several runners", len({part.runner_id for part in parts}) > 1),
            ("several sizes", len({part.bundle_size for part in parts}) > 1),
            ("offers missing", any(len(parts) != part.bundle_size for part in parts)),
            ("a place twice", len({part.slot for part in parts}) != len(parts)),
        )
        if is_wrong
    ]
    if wrong:
        yield Finding("bundle_torn", f"bundle:{bundle}", ", ".join(wrong))


def _asked_twice() -> Iterator[Finding]:
    """Runners of whom two things are asked at once; what is offered together is one."""
    asked: defaultdict[UUID, set[UUID]] = defaultdict(set)
    waiting = Offer.objects.filter(state=OfferState.OFFERED)
    for pk, runner_id, bundle in waiting.values_list("pk", "runner_id", "bundle"):
        asked[runner_id].add(bundle or pk)
    for runner_id, questions in asked.items():
        if len(questions) > 1:
            yield Finding("asked_twice", f"runner:{runner_id}", f"{len(questions)} at once")
