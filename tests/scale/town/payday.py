"""Payouts of a town: an account for each runner, and batches that the bank has paid."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator

from django.db.models import Model

from accounts.models import User
from common.ids import uuid7
from common.sealed import Secret
from payments.models import BankAccount, BatchState, Difference, Payout, PayoutBatch, PayoutState
from tests.scale.town.shapes import Size

A_BATCH = 20


def paid_out(size: Size, runners: list[User], staff: list[User], now: dt.datetime) -> list[Model]:
    """Return a payout for every errand with a story, the runners in turns."""
    return [
        *_accounts(runners, now), *_payouts(size, runners, staff, now), *_differences(size, now)
    ]  # fmt: skip


def _accounts(runners: list[User], now: dt.datetime) -> Iterator[Model]:
    sealed = Secret("110123456789")
    for runner in runners:
        yield BankAccount(
            user=runner, bank="088", holder="김밥", number=sealed, last4="6789",
            resident_number=sealed, checked_at=now,
        )  # fmt: skip


def _payouts(
    size: Size, runners: list[User], staff: list[User], now: dt.datetime
) -> Iterator[Model]:
    maker, checker = staff
    sealed = Secret("110123456789")
    for number in range(size.errands // size.storied):
        if number % A_BATCH == 0:
            batch = PayoutBatch(
                state=BatchState.SETTLED, made_by=maker, approved_by=checker, approved_at=now,
                rows=A_BATCH, net=A_BATCH * 9_670, digest="0" * 64, created_at=now,
            )  # fmt: skip
            yield batch
        yield Payout(
            reference=f"payout:{uuid7().hex}", user=runners[number % len(runners)],
            state=PayoutState.PAID, gross=10_000, income_tax=300, local_tax=30, bank="088",
            holder="김밥", number=sealed, last4="6789", batch=batch, done_at=now, created_at=now,
        )  # fmt: skip


def _differences(size: Size, now: dt.datetime) -> Iterator[Model]:
    """One in twenty is still open."""
    for number in range(size.errands // size.storied):
        yield Difference(
            key=f"escrow:thing:{number}", kind="escrow", subject=f"thing:{number}", day=now.date(),
            state="settled" if number % A_BATCH else "open", expected=0, found=500,
            moves=[["gateway", -500], ["suspense", 500]], created_at=now,
        )  # fmt: skip
