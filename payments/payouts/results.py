"""What the bank did: every row of its file is understood before anything moves, then all moves.

The same file again changes nothing. Export is not payment: only here does a payout become paid.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from common.db import in_one_unit
from common.errors import Conflict, Invalid, NotFound
from common.progress import Told, steps, untold
from payments import ledger
from payments.models import BatchState, Payout, PayoutBatch, PayoutState, Transfer
from payments.payouts.batches import batch_of, check_finance, reason_said, rows_of


class Result(NamedTuple):
    """One line of a bank's file."""

    line: int  # as the file counts, from 1
    reference: str
    paid: bool
    reason: str = ""
    amount: str = ""  # in won, as the bank repeats it; "" where it does not


class Imported(NamedTuple):
    """How many rows a file moved; ``known`` ones had been imported before."""

    paid: int
    failed: int
    known: int


class Line(NamedTuple):
    """A line that is refused, and why."""

    line: int
    problem: str | Promise


class BadFile(Invalid):
    """A result file with lines that fit nothing; ``lines`` names them."""

    code = "bad_result_file"
    message = _("Some lines of the file fit no payout of this batch. Nothing was changed.")

    def __init__(self, lines: Sequence[Line]) -> None:
        shown = [{"line": line, "problem": str(problem)} for line, problem in lines]
        super().__init__(field="file", lines=shown)

    def __str__(self) -> str:
        lines = "; ".join(f"{each['line']}: {each['problem']}" for each in self.extra["lines"][:20])
        return f"{self.message} {lines}"


@in_one_unit
def results_book(
    *,
    batch_id: UUID,
    results: Sequence[Result],
    by: User,
    now: datetime,
    told: Told = untold,
) -> Imported:
    """Mark payouts paid or failed; a failed one's money returns to the user's accounts.

    Raises:
        NotFound; NotAllowed: ``finance_only``.
        Conflict: ``batch_not_approved``.
        BadFile: unknown, repeated or contradicting lines; nothing is changed then.
    """
    check_finance(by)
    batch = batch_of(batch_id)
    if batch.state not in {BatchState.APPROVED, BatchState.SETTLED}:
        raise Conflict("batch_not_approved", _("This batch is not approved."))
    payouts = {payout.reference: payout for payout in rows_of(batch)}
    fresh = _fresh(results, payouts)
    for result in steps(fresh, told):
        _book(payouts[result.reference], result, now)
    _close(batch)
    paid = sum(result.paid for result in fresh)
    return Imported(paid, len(fresh) - paid, len(results) - len(fresh))


@in_one_unit
def payout_return(*, payout_id: UUID, by: User, reason: str, now: datetime) -> Payout:
    """The bank sent back what it had paid: all of it, the tax too, returns to the user's account.

    It is missing in the papers of its month from then on; one that was filed has to be filed again.

    Raises:
        NotFound; NotAllowed: ``finance_only``; Invalid: ``reason_missing``.
        Conflict: ``payout_not_paid``, also when it was returned before.
    """
    check_finance(by)
    why = reason_said(reason)
    mine = Payout.objects.filter(pk=payout_id, state=PayoutState.PAID)
    moved = mine.update(state=PayoutState.FAILED, done_at=now, reason=why)
    payout = Payout.objects.filter(pk=payout_id).first()
    if payout is None:
        raise NotFound
    if not moved:
        raise Conflict("payout_not_paid", _("Only what was paid can be returned."))
    # The last booking first: what was paid, then what was asked for.
    for reference in (f"paid:{payout.reference}", payout.reference):
        ledger.reverse(transfer=Transfer.objects.get(reference=reference))
    return payout


def _fresh(results: Sequence[Result], payouts: dict[str, Payout]) -> list[Result]:
    """Return what is news; raise if any line is not."""
    wrong: list[Line] = []
    seen: set[str] = set()
    fresh: list[Result] = []
    for result in results:
        problem = _problem(result, payouts.get(result.reference), seen)
        seen.add(result.reference)
        if problem is not None:
            wrong.append(Line(result.line, problem))
        elif payouts[result.reference].state == PayoutState.BATCHED:
            fresh.append(result)
    if wrong:
        raise BadFile(wrong)
    return fresh


def _problem(result: Result, payout: Payout | None, seen: set[str]) -> Promise | None:
    if payout is None:
        return _("no such payout in this batch")
    if result.reference in seen:
        return _("this payout stands in the file twice")
    if result.paid and result.amount and result.amount.replace(",", "") != str(payout.net):
        return _("another amount than was to be paid")
    known = {PayoutState.PAID: True, PayoutState.FAILED: False}.get(PayoutState(payout.state))
    if known is not None and known is not result.paid:
        return _("an earlier file said otherwise")
    return None


def _book(payout: Payout, result: Result, now: datetime) -> None:
    state = PayoutState.PAID if result.paid else PayoutState.FAILED
    mine = Payout.objects.filter(pk=payout.pk, state=PayoutState.BATCHED)
    if not mine.update(state=state, done_at=now, reason=result.reason[:200]):
        raise ledger.RaceLost  # another import of this file: the next try finds it done
    if result.paid:
        ledger.post(
            reference=f"paid:{payout.reference}",
            kind="payout_paid",
            subject=payout.reference,
            moves=[
                (ledger.PAYOUTS, -payout.gross - payout.untaxed),
                (ledger.GATEWAY, payout.net),
                (ledger.TAX, payout.withheld),
            ],
        )
    else:
        ledger.reverse(transfer=Transfer.objects.get(reference=payout.reference))


def _close(batch: PayoutBatch) -> None:
    if not Payout.objects.filter(batch=batch, state=PayoutState.BATCHED).exists():
        PayoutBatch.objects.filter(pk=batch.pk, state=BatchState.APPROVED).update(
            state=BatchState.SETTLED
        )
