"""What tests of payouts start from: earned money, an account, staff of two."""

from __future__ import annotations

import datetime as dt
from typing import Any

from accounts.models import User
from payments import ledger, payouts
from payments.models import BankAccount, Payout, PayoutBatch
from tests.conftest import make_user

RESIDENT = "900101-1234568"
NUMBER = "110-123-456789"
DETAILS = payouts.Details(bank="088", number=NUMBER, holder="김밥", resident_number=RESIDENT)


def earn(user: User, amount: int, reference: str = "earned:1") -> None:
    """Give the user money, as a settled errand would."""
    ledger.post(
        reference=reference,
        kind="earned",
        subject=reference,
        moves=[(ledger.GATEWAY, -amount), (ledger.user_account(user.pk), amount)],
    )


def lay_out(user: User, amount: int, reference: str = "laid_out:1") -> None:
    """Owe the user what they laid out for others, as a settled purchase would."""
    ledger.post(
        reference=reference,
        kind="earned",
        subject=reference,
        moves=[(ledger.GATEWAY, -amount), (ledger.expenses_account(user.pk), amount)],
    )


def with_account(user: User, now: dt.datetime, **given: Any) -> BankAccount:
    """Store a checked bank account of the user's."""
    details = payouts.checked(payouts.Details(**{**vars(DETAILS), **given}))
    return payouts.bank_account_keep(user=user, details=details, now=now)


def make_checker() -> User:
    """The second person of finance; dana is the first."""
    return make_user("erin", is_staff=True)


def requested(user: User, amount: int, now: dt.datetime) -> Payout:
    """A payout of just earned money."""
    earn(user, amount, reference=f"earned:{user.pk}:{Payout.objects.count()}")
    return payouts.payout_request(user=user, amount=amount, now=now)


def approved(maker: User, checker: User, now: dt.datetime) -> PayoutBatch:
    """A batch of all that waits, made by one and approved by the other."""
    batch = payouts.batch_make(by=maker, now=now)
    return payouts.batch_approve(batch_id=batch.pk, by=checker, now=now)


def settled(batch: PayoutBatch, by: User, now: dt.datetime) -> None:
    """Let the bank say that all was paid."""
    rows = list(Payout.objects.filter(batch=batch).order_by("id"))
    results = [payouts.Result(line, row.reference, paid=True) for line, row in enumerate(rows, 2)]
    payouts.results_book(batch_id=batch.pk, results=results, by=by, now=now)
