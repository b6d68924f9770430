"""Does everything in the database explain itself? Reads only.

``audit`` looks at one moment: every errand's events lead to its state, the ledger balances,
escrow holds exactly the money of live errands, nobody won twice or is asked twice, bundles are
whole, nothing waits past its sweep.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, NamedTuple

from common.db import one_moment
from dispatch.audit.bundles import bundle_findings
from dispatch.audit.findings import Finding
from dispatch.audit.lives import Lives
from dispatch.audit.money import money_findings
from dispatch.audit.waiting import waiting_findings

SHOWN = 100

__all__ = ["Finding", "Report", "audit"]


class Report(NamedTuple):
    """What was looked at, and everything that was wrong."""

    errands: int
    events: int
    transfers: int
    findings: list[Finding]

    @property
    def clean(self) -> bool:
        return not self.findings

    def as_data(self) -> dict[str, Any]:
        """Return plain data, with the first 100 findings."""
        return {
            "clean": self.clean,
            "errands": self.errands,
            "events": self.events,
            "transfers": self.transfers,
            "found": len(self.findings),
            "findings": [finding._asdict() for finding in self.findings[:SHOWN]],
        }


def audit(*, now: datetime) -> Report:
    """Look at everything, in one consistent snapshot.

    On SQLite writers wait meanwhile; on PostgreSQL nobody does. MongoDB keeps one moment for 60 s:
    50,000 errands took 8 s there, so that it is enough for some hundred thousand.
    """
    with one_moment():
        lives = Lives()
        findings = list(lives.findings())
        transfers, money = money_findings(lives.held, now=now)
        findings += money
        findings += bundle_findings()
        findings += waiting_findings(now=now)
    return Report(lives.errands, lives.events, transfers, findings)
