"""What escrow holds against what it has to: whoever has money in it is asked."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import cast

from common.db import one_moment
from payments import ledger
from payments.audit.found import Found
from payments.models import Account, DifferenceKind, Payment, PaymentState
from payments.selectors import escrow_by_subject
from payments.signals import escrow_asked

# News of a payment goes up after its commit: for so long escrow may be ahead of who asked for it.
NEWS_TAKES = timedelta(minutes=2)


def escrow_differences(*, now: datetime) -> list[Found]:
    """Compare what is held with what is claimed, at one moment.

    What was paid just now is left for the next time.
    """
    with one_moment():
        must, has, lately = claimed(), escrow_by_subject(), _lately(now)
    return list(_unequal(must, has, lately))


def claimed(subject: str | None = None) -> dict[str, int]:
    """Return what escrow has to hold, in won, by subject; of one, also what it may have to."""
    claims: dict[str, int] = {}
    for _receiver, answer in escrow_asked.send(sender=Account, subject=subject):
        claims.update(cast("dict[str, int]", answer))
    return claims


def unclaimed(subject: str, *, now: datetime) -> int:
    """Return what escrow holds of one subject and nobody needs any more, in won.

    Nothing while a payment is so young that who asked for it may not have heard of it.
    """
    paid = Payment.objects.filter(subject=subject, state=PaymentState.DONE)
    if paid.filter(paid_at__gt=now - NEWS_TAKES).exists():
        return 0
    held = ledger.balance_of(ledger.escrow_account(subject))
    return held - claimed(subject).get(subject, 0)


def _lately(now: datetime) -> set[str]:
    paid = Payment.objects.filter(state=PaymentState.DONE, paid_at__gt=now - NEWS_TAKES)
    return set(paid.values_list("subject", flat=True))


def _unequal(must: Mapping[str, int], has: Mapping[str, int], lately: set[str]) -> Iterator[Found]:
    for subject in sorted({*must, *has} - lately):
        expected, found = must.get(subject, 0), has.get(subject, 0)
        if expected != found:
            yield Found(DifferenceKind.ESCROW, subject, expected, found)
