"""Who takes part in a month, what time it is there, and what the clock does by itself."""

from __future__ import annotations

import datetime as dt
import heapq
import itertools
import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from unittest.mock import patch

from accounts.models import User
from accounts.services import runner_apply, runner_approve
from common import clock
from common.errors import DomainError
from dispatch import receivers
from errands import services
from errands.signals import errand_changed
from errands.states import Kind
from payments import escrow, payouts
from tests.machines.bank import Bank
from tests.toss.server import TossServer

Waits = Iterator[dt.timedelta]  # a story: it acts, and says how long until it acts again
SWEEPS: tuple[Callable[..., object], ...] = (
    escrow.orders_reconcile, escrow.orders_expire, services.apply_paid, services.lapse_due,
    services.confirm_overdue, payouts.payouts_schedule,
)  # fmt: skip
EVERY = dt.timedelta(minutes=30)
ERRANDS_A_RUNNER = 25
RESIDENT = "900101-1234568"


class World:
    """``company`` is a Toss-compatible server: it keeps books of its own."""

    def __init__(
        self, company: TossServer, *, begins: dt.datetime, errands: int, seed: int
    ) -> None:
        self.company, self.bank, self.now = company, Bank(), begins
        self.random = random.Random(seed)  # noqa: S311
        self._stories: list[tuple[dt.datetime, int, Waits]] = []
        self._numbers = itertools.count()
        with self.clock():
            self.staff = [_user("maker", is_staff=True), _user("checker", is_staff=True)]
            many = max(4, errands // ERRANDS_A_RUNNER)
            self.requesters = [_user(f"requester{number}") for number in range(many)]
            self.runners = [self._runner(number) for number in range(many)]

    @contextmanager
    def clock(self) -> Iterator[None]:
        """Have it be ``now`` for news and sweeps too. Who is nearby is not asked in this month."""
        errand_changed.disconnect(dispatch_uid="dispatch")
        try:
            with patch.object(clock, "now", lambda: self.now):
                yield
        finally:
            receivers.connect()

    def begin(self, story: Waits, *, after: dt.timedelta) -> None:
        heapq.heappush(self._stories, (self.now + after, next(self._numbers), story))

    def play(self, until: dt.datetime) -> None:
        """Let time pass; a story that is refused something ends there, as people give up."""
        with self.clock():
            while self._stories and self._stories[0][0] <= until:
                self.now, _number, story = heapq.heappop(self._stories)
                try:
                    wait = next(story, None)
                except DomainError:
                    continue
                if wait is not None:
                    self.begin(story, after=wait)

    def sweeps(self) -> Waits:
        while True:
            for sweep in SWEEPS:
                sweep(now=self.now)
            while escrow.refunds_send(now=self.now):
                pass
            yield EVERY

    def _runner(self, number: int) -> User:
        """Every other one is paid each week without asking."""
        user = _user(f"runner{number}")
        profile = runner_apply(
            user=user, birth_date=dt.date(1995, 5, 5), introduction="", max_kg=10, max_bags=2,
            kinds=[kind.value for kind in Kind], now=self.now,
        )  # fmt: skip
        runner_approve(profile=profile, by=self.staff[0], now=self.now)
        details = payouts.Details(
            bank="088", number=f"110{number:08}1", holder="김밥", resident_number=RESIDENT,
            weekly=bool(number % 2),
        )  # fmt: skip
        payouts.bank_account_keep(user=user, details=payouts.checked(details), now=self.now)
        return user


def _user(name: str, *, is_staff: bool = False) -> User:
    return User.objects.create_user(
        f"{name}@example.com", nickname=name, is_staff=is_staff, is_superuser=is_staff
    )
