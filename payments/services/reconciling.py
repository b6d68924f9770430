"""The daily comparison of the books, and what becomes of each difference.

A run writes differences down and closes those that are gone; it moves no money. Only finance staff
do that, by the entry that they have seen.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime, timedelta
from typing import NamedTuple
from uuid import UUID

from django.db import IntegrityError
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from common.db import in_one_unit, run_in_unit
from common.errors import Conflict, NotFound
from payments import audit, ledger
from payments.audit import Found
from payments.models import Difference, DifferenceKind, DifferenceState
from payments.payouts import check_finance, reason_said

AT_GATEWAY = (DifferenceKind.PAYMENT, DifferenceKind.CANCEL)
KNOWN = (DifferenceState.OPEN, DifferenceState.DISMISSED)
LOOK_BACK = 3  # days: a company, or we, may be down for more than one
S = DifferenceState


class Reconciled(NamedTuple):
    """What a run changed."""

    new: int
    gone: int


def reconcile(*, now: datetime) -> Reconciled:
    """Compare the books with all that they have to agree with; a second run adds nothing.

    The gateway comes last: while it is silent the rest is compared all the same. It is asked about
    the last days, so that one on which nobody could ask is not left out, and again about each day
    of which a difference is open.

    Raises:
        GatewayDown: its part was not compared.
    """
    today = timezone.localdate(now, timezone.get_default_timezone())
    done = [
        _note(audit.balance_differences(), [DifferenceKind.BALANCE], today, now),
        _note(
            audit.account_differences(),
            [DifferenceKind.REFUNDS, DifferenceKind.PAYOUTS, DifferenceKind.TAX],
            today,
            now,
        ),
        _note(audit.escrow_differences(now=now), [DifferenceKind.ESCROW], today, now),
    ]
    found = audit.gateway_differences(_days(today), today=today)
    done += [_note(found[day], AT_GATEWAY, day, now, of_day=day) for day in found]
    return Reconciled(sum(each.new for each in done), sum(each.gone for each in done))


@in_one_unit
def difference_settle(*, difference_id: UUID, by: User, reason: str, now: datetime) -> Difference:
    """Post the suggested entry of an open difference, once, if it is still there.

    Raises:
        NotFound; NotAllowed: ``finance_only``; Invalid: ``reason_missing``.
        Conflict: ``difference_closed``, ``difference_gone``, ``no_entry``; ``insufficient_funds``.
    """
    difference = _close(difference_id, S.SETTLED, by, reason, now)
    if not difference.moves:
        raise Conflict("no_entry", _("No entry can settle this difference."))
    if not _still(difference, now):
        raise Conflict("difference_gone", _("It is not there any more. Please compare again."))
    ledger.post(
        reference=difference.reference,
        kind="adjust",
        subject=difference.subject,
        moves=[(account, amount) for account, amount in difference.moves],
    )
    return difference


@in_one_unit
def difference_dismiss(*, difference_id: UUID, by: User, reason: str, now: datetime) -> Difference:
    """Close an open difference without an entry; the same one will not be told of again.

    Raises:
        NotFound; NotAllowed: ``finance_only``; Invalid: ``reason_missing``.
        Conflict: ``difference_closed``.
    """
    return _close(difference_id, S.DISMISSED, by, reason, now)


def _close(
    difference_id: UUID, state: DifferenceState, by: User, reason: str, now: datetime
) -> Difference:
    check_finance(by)
    why = reason_said(reason)
    mine = Difference.objects.filter(pk=difference_id, state=S.OPEN)
    moved = mine.update(state=state, closed_by=by, closed_at=now, reason=why)
    difference = Difference.objects.filter(pk=difference_id).first()
    if difference is None:
        raise NotFound
    if not moved:
        raise Conflict("difference_closed", _("This difference is closed already."))
    return difference


def _still(difference: Difference, now: datetime) -> bool:
    """Look again: by the next run an entry for what is gone would be a difference itself."""
    if difference.kind in AT_GATEWAY:
        return True  # the company's word of a day that is over
    at_escrow = difference.kind == DifferenceKind.ESCROW
    found = audit.escrow_differences(now=now) if at_escrow else audit.account_differences()
    return _identity(difference) in {each.identity for each in found}


def _identity(row: Difference) -> tuple[str, str, int]:
    return row.kind, row.subject, row.missing


# --- What a run writes down ---------------------------------------------------------------


def _days(today: date) -> list[date]:
    unsettled = Difference.objects.filter(state=S.OPEN, kind__in=AT_GATEWAY)
    lately = {today - timedelta(days=days) for days in range(1, LOOK_BACK + 1)}
    return sorted({*lately, *unsettled.values_list("day", flat=True)})


def _note(
    found: list[Found],
    kinds: Iterable[DifferenceKind],
    day: date,
    now: datetime,
    *,
    of_day: date | None = None,
) -> Reconciled:
    """Add what is new of these kinds, and close what is not there any more."""
    new = sum(_add(each, day, now) for each in found)
    still = {each.identity for each in found}
    rows = Difference.objects.filter(state=S.OPEN, kind__in=[kind.value for kind in kinds])
    rows = rows if of_day is None else rows.filter(day=of_day)
    gone = [row.pk for row in rows if _identity(row) not in still]
    left = Difference.objects.filter(pk__in=gone, state=S.OPEN)
    return Reconciled(new, run_in_unit(lambda: left.update(state=S.GONE, closed_at=now)))


def _add(found: Found, day: date, now: datetime) -> bool:
    """Write a difference down, unless it is known; one that was gone is open again."""
    kind, subject, missing = found.identity
    key = f"{kind}:{subject}:{missing}:{day:%Y%m%d}"
    known = Difference.objects.filter(subject=subject, kind=kind, state__in=KNOWN)
    if any(row.missing == missing for row in known):
        return False
    again = Difference.objects.filter(key=key, state=S.GONE)
    if run_in_unit(lambda: again.update(state=S.OPEN, closed_at=None)):
        return True
    if Difference.objects.filter(key=key).exists():  # settled today
        return False
    return _create(found, key, day, now)


def _create(found: Found, key: str, day: date, now: datetime) -> bool:
    row = Difference(
        key=key,
        kind=found.kind,
        subject=found.subject,
        day=day,
        expected=found.expected,
        found=found.found,
        moves=found.moves,
        created_at=now,
    )
    try:
        run_in_unit(lambda: row.save(force_insert=True))
    except IntegrityError:  # another run, a moment ago
        return False
    return True
