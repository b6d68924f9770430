"""What a run says in the end, for people and for programs."""

from __future__ import annotations

import statistics
from collections.abc import Collection, Mapping
from typing import Any

from dispatch.sandbox.simulation import Plan
from dispatch.sandbox.tally import Tally
from errands.states import FINAL, State

LEAST_COMPLETED = 95.0


def quantile(values: Collection[float], share: float) -> float | None:
    """Return the value that ``share`` of all are not above; None of nothing."""
    ranked = sorted(values)
    return round(ranked[min(len(ranked) - 1, int(len(ranked) * share))], 3) if ranked else None


def percent(part: int, whole: int) -> float | None:
    return round(100 * part / whole, 1) if whole else None


def completed_percent(tally: Tally) -> float | None:
    """Of the errands that robots did not cancel."""
    return percent(tally.ended[State.COMPLETED], tally.posted - tally.cancelled_by_robots)


def summarise(plan: Plan, tally: Tally, audit: Mapping[str, Any]) -> dict[str, Any]:
    """Return everything as plain data; ``failed`` names what was not as it must be."""
    wait, added, took = tally.seconds_to_match, tally.added_minutes, tally.latencies_s
    return {
        "seed": plan.seed,
        "speed": plan.speed,
        "runners": plan.runners,
        "seconds": round(tally.seconds(), 1),
        "posted": tally.posted,
        "matched_percent": percent(tally.matched, tally.funded),
        "seconds_to_match": {
            "p50": quantile(wait, 0.5),
            "p90": quantile(wait, 0.9),
            "longest": quantile(wait, 1.0),
        },
        "added_walking_minutes": {
            "mean": round(statistics.fmean(added), 2) if added else None,
            "p90": quantile(added, 0.9),
        },
        "ended": {state.value: tally.ended[state] for state in sorted({*FINAL, State.DISPUTED})},
        "still_live": len(tally.live),
        "cancelled_by_robots": tally.cancelled_by_robots,
        "completed_percent": completed_percent(tally),
        "offers": dict(tally.offers),
        "errands_in_bundles": tally.bundled,
        "extras": dict(sorted(tally.extras.items())),
        "positions": {
            "sent": tally.positions,
            "refused": dict(tally.positions_refused),
            "seen": tally.positions_seen,
        },
        "reconnects": tally.reconnects,
        "errors": dict(tally.errors.most_common()),
        "http": {
            "requests": tally.requests,
            "p50_ms": _milliseconds(quantile(took, 0.5)),
            "p95_ms": _milliseconds(quantile(took, 0.95)),
        },
        "audit": dict(audit),
        "failed": list(failures(plan, tally, audit)),
    }


def failures(plan: Plan, tally: Tally, audit: Mapping[str, Any]) -> list[str]:
    """Name every promise that was not kept; none of them for a good run."""
    found = [] if audit["clean"] else [f"the audit has {audit['found']} findings"]
    if audit["errands"] < tally.posted:
        found.append("the audit saw another database than the server's: check DATABASE_URL")
    if not plan.errands:
        return found
    completed = completed_percent(tally) or 0.0
    if completed < LEAST_COMPLETED:
        found.append(f"{completed} % completed, {LEAST_COMPLETED} % are wanted")
    if tally.posted < plan.errands:
        found.append(f"{tally.posted} of {plan.errands} errands were posted")
    if tally.live:
        found.append(f"{len(tally.live)} errands are not over: {', '.join(list(tally.live)[:5])}")
    return found


def in_words(summary: Mapping[str, Any]) -> str:
    """The same for people: one line for each thing."""
    lines = [f"{name.replace('_', ' '):<24}{_flat(value)}" for name, value in summary.items()]
    return "\n".join(lines)


def _flat(value: Any) -> str:
    if isinstance(value, Mapping):
        return " · ".join(f"{name} {_flat(inner)}" for name, inner in value.items()) or "none"
    if isinstance(value, list):
        return "; ".join(map(_flat, value)) or "none"
    return "–" if value is None else str(value)


def _milliseconds(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds * 1000, 1)
