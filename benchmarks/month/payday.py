"""Payouts of a month: asked for or due each Monday, put together, approved, sent to the bank."""

from __future__ import annotations

import datetime as dt
from contextlib import suppress

from benchmarks.month.world import Waits, World
from common.errors import DomainError
from payments import payouts
from payments.models import Payout, PayoutBatch, PayoutState

WEEK, DAY, HOUR = dt.timedelta(days=7), dt.timedelta(days=1), dt.timedelta(hours=1)
CANNOT_BE_PAID = 0.03  # closed accounts and the like


def paydays(world: World) -> Waits:
    """Begins on a Monday, after the hour of the weekly payouts."""
    while True:
        for runner in world.runners:
            with suppress(DomainError):  # earned too little, or paid this morning
                payouts.payout_request(user=runner, now=world.now)
        yield HOUR
        batches = _sent(world)
        yield DAY
        for batch in batches * 2:  # somebody imports the file again
            payouts.results_book(
                batch_id=batch.pk, results=world.bank.results(batch), by=world.staff[0],
                now=world.now,
            )  # fmt: skip
        yield WEEK - DAY - HOUR


def _sent(world: World) -> list[PayoutBatch]:
    """Two people send to the bank all that waits."""
    maker, checker = world.staff
    batches = []
    while Payout.objects.filter(state=PayoutState.REQUESTED).exists():
        batch = payouts.batch_make(by=maker, now=world.now)
        payouts.batch_approve(batch_id=batch.pk, by=checker, now=world.now)
        file = payouts.batch_export(
            batch_id=batch.pk, by=maker, layout="common", kind="csv", now=world.now
        )
        fates = [world.random.random() > CANNOT_BE_PAID for _payout in range(batch.rows)]
        world.bank.receive(file, batch, fates)
        batches.append(batch)
    return batches
