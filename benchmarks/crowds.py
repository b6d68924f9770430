"""What many do at once, and what has to be true after it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial

from accounts.models import User
from benchmarks.scenes import check, opened
from benchmarks.stage import RUNNERS, Stage, account, claim, finish, transfer
from benchmarks.timing import Sample, milliseconds, together
from common.errors import DomainError
from errands.models import ErrandEvent
from errands.states import Move, State
from payments import ledger
from payments.models import Transfer

Moves = Callable[[Stage, int], tuple[ledger.Move, ...]]  # of one transfer of thread 0, 1, …


@contextmanager
def _racing(on_stage: Stage) -> Iterator[Callable[[], float]]:
    """Yield a race that returns after how many seconds every runner had an answer."""
    errand = opened(on_stage.requester)
    winners: list[User] = []

    def run(number: int) -> str:
        try:
            claim(errand.pk, on_stage.runners[number])
        except DomainError as refusal:
            return refusal.code
        winners.append(on_stage.runners[number])
        return "won"

    def race() -> float:
        answers, seconds = together(run, RUNNERS)
        assert Counter(answers) == {"won": 1, "offer_gone": RUNNERS - 1}, answers
        return seconds

    yield race
    assert ErrandEvent.objects.filter(errand=errand, move=Move.ACCEPT).count() == 1
    check(errand, State.ASSIGNED, winners[0])
    finish(errand, on_stage.requester, winners[0])


def races(on_stage: Stage, times: int) -> Sample:
    seconds = []
    for _number in range(times):
        with _racing(on_stage) as race:
            seconds.append(race())
    return Sample([each * 1_000 for each in seconds], sum(seconds))


def transfers(moves: Moves, threads: int, on_stage: Stage, times: int) -> Sample:
    each = max(1, times // threads)
    before = Transfer.objects.count()

    def work(number: int) -> list[float]:
        mine = partial(transfer, *moves(on_stage, number))
        return [milliseconds(mine) for _number in range(each)]

    taken, seconds = together(work, threads)
    assert Transfer.objects.count() == before + each * threads
    return Sample([ms for mine in taken for ms in mine], seconds)


def apart(on_stage: Stage, number: int) -> tuple[ledger.Move, ...]:
    """Between two people of this thread's own."""
    giver, taker = on_stage.people[2 * number : 2 * number + 2]
    return (account(giver), -1), (account(taker), 1)


def from_the_gateway(on_stage: Stage, number: int) -> tuple[ledger.Move, ...]:
    """As payments do: all touch the platform's account, which keeps no balance."""
    return (ledger.GATEWAY, -1), (account(on_stage.people[number]), 1)


def to_one_person(on_stage: Stage, _number: int) -> tuple[ledger.Move, ...]:
    """All into one account with a balance: the worst there is, and what the platform avoids."""
    return (ledger.GATEWAY, -1), (account(on_stage.people[0]), 1)
