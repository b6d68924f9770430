"""Writers of money, each on a thread of its own; runs where models are known.

All transfers are alike: a won from an account of the writer's own to one of ours. What differs is
whether every writer has one of these too, or all have the same.
"""

from __future__ import annotations

import functools
import time
from collections.abc import Callable

from accounts.models import User
from benchmarks import stage
from benchmarks.timing import milliseconds, together
from errands.models import Errand
from errands.states import State
from payments import escrow, ledger
from payments.models import Transfer
from payments.selectors import books_balance

SAVINGS = 1_000_000


def _user(name: str) -> User:
    return User.objects.create_user(f"{name}@example.com", nickname=name)


@functools.cache
def _rich() -> User:
    return _user("rich")


TARGETS: dict[str, Callable[[int], str]] = {
    "spread": lambda number: f"{ledger.COMMISSION}:{number}",
    "hot": lambda _number: ledger.COMMISSION,
    # The worst there is, and what accounts of ours avoid: one row that all change.
    "balance": lambda _number: stage.account(_rich()),
}


@functools.cache
def _writers(count: int) -> list[User]:
    """Make the people, their savings and all accounts that will be used."""
    people = [_user(f"writer{number}") for number in range(count)]
    savings = [(stage.account(each), SAVINGS) for each in people]
    stage.transfer((ledger.GATEWAY, -SAVINGS * count), *savings)
    for target in TARGETS.values():
        for number, each in enumerate(people):
            stage.transfer((stage.account(each), -1), (target(number), 1))
    return people


def transfers(target: str, writers: int, seconds: float) -> float:
    """Return how many transfers a second all made together for so long.

    Raises:
        AssertionError: not every one of them is in the books, or what it moved.
    """
    people, to = _writers(writers), TARGETS[target]
    before, held = Transfer.objects.count(), _held(to, writers)

    def work(number: int) -> int:
        mine, target = stage.account(people[number]), to(number)
        until, done = time.monotonic() + seconds, 0
        while time.monotonic() < until:
            stage.transfer((mine, -1), (target, 1))
            done += 1
        return done

    done, took = together(work, writers)
    assert Transfer.objects.count() - before == _held(to, writers) - held == sum(done)
    return sum(done) / took


def _held(to: Callable[[int], str], writers: int) -> int:
    return sum(map(ledger.balance_of, {to(number) for number in range(writers)}))


def confirm(writers: int, each: int) -> list[float]:
    """Let every writer pay for errands of their own; return the milliseconds of each payment.

    With what follows in the same request: the errand opens to runners.

    Raises:
        AssertionError: an errand is not open, or its money is not held.
    """
    people = _writers(writers)
    posted = [[stage.post(person) for _number in range(each)] for person in people]

    def work(number: int) -> list[float]:
        return [
            milliseconds(functools.partial(stage.pay, errand, people[number]))
            for errand in posted[number]
        ]

    taken, _seconds = together(work, writers)
    for errand in (errand for mine in posted for errand in mine):
        assert Errand.objects.get(pk=errand.pk).state == State.OPEN
        assert escrow.escrow_held(errand.reference) == errand.total
    return [ms for mine in taken for ms in mine]


def check() -> None:
    """Raises AssertionError unless the whole ledger adds up."""
    assert books_balance().sound
