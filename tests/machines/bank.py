"""A bank that pays what stands in a file, and says of each payout always the same."""

from __future__ import annotations

from collections.abc import Sequence

from payments.models import Payout, PayoutBatch
from payments.payouts import File, Result


class Bank:
    def __init__(self) -> None:
        self.said: dict[str, bool] = {}  # reference → whether it could be paid
        self.left = 0  # the won that went out

    def receive(self, file: File, batch: PayoutBatch, outcomes: Sequence[bool]) -> None:
        """Pay a batch by its file, each payout once; those past ``outcomes`` are paid."""
        text = file.content.decode("utf-8-sig")
        rows = Payout.objects.filter(batch=batch).order_by("id")
        for number, payout in enumerate(rows):
            assert text.count(payout.reference) == 1
            if payout.reference not in self.said:
                paid = outcomes[number] if number < len(outcomes) else True
                self.said[payout.reference] = paid
                self.left += payout.net if paid else 0

    def results(self, batch: PayoutBatch) -> list[Result]:
        """What its result file says of a batch; nothing of one it never got."""
        rows = Payout.objects.filter(batch=batch).order_by("id")
        known = [payout.reference for payout in rows if payout.reference in self.said]
        return [Result(line, each, self.said[each]) for line, each in enumerate(known, 2)]
