"""Phones that report where they are: as fast as they are answered, or by the clock."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Sequence
from typing import NamedTuple

from benchmarks.load.pace import every
from benchmarks.load.positions import Walk
from benchmarks.load.socket import Socket, check_alive

WARM_S = 1.0
PATIENCE_S = 20.0
AT_ONCE = 50
PACE_S = 1 / 19  # the product takes twenty messages a second from one socket
AHEAD_S = 20 * PACE_S
KEPT = b'"kept":1'
POSITION = b'"position"'


class Rate(NamedTuple):
    """Answers a second, or the milliseconds that each one took."""

    per_second: float
    ms: list[float]


class Phone:
    """One socket that reports. It is answered on its own socket, or on that of who watches it."""

    def __init__(self, socket: Socket, watcher: Socket, walk: Walk) -> None:
        self.socket, self.said, self.answers = socket, 0, 0
        self.ms: list[float] = []
        self.refused: list[bytes] = []
        self._walk, self._greedy = walk, False
        self._said_at: deque[float] = deque()  # of what waits for its answer
        self._free_at = 0.0
        if watcher is socket:
            socket.heard = self._heard
        else:
            socket.heard, watcher.heard = self._acknowledged, self._seen

    def say(self) -> None:
        """Report the next step."""
        self._said_at.append(time.perf_counter())
        self.socket.say(self._walk.step(self.said))
        self.said += 1

    def hurry(self, on: bool) -> None:
        """Report again with each answer, from now on or no more."""
        self._greedy = on
        if on:
            self.say()

    @property
    def waits(self) -> bool:
        return self.answers < self.said

    def _heard(self, payload: bytes) -> None:
        if KEPT in payload:
            self._answered()
        else:
            self.refused.append(payload)

    def _acknowledged(self, payload: bytes) -> None:
        if KEPT not in payload:
            self.refused.append(payload)

    def _seen(self, payload: bytes) -> None:
        if POSITION in payload:
            self._answered()

    def _answered(self) -> None:
        now = time.perf_counter()
        self.answers += 1
        self.ms.append((now - self._said_at.popleft()) * 1_000)
        if self._greedy:
            # A little ahead of its pace is allowed, as after a pause.
            self._free_at = max(self._free_at, now - AHEAD_S) + PACE_S
            if self._free_at <= now:
                self.say()
            else:
                asyncio.get_running_loop().call_later(self._free_at - now, self._go_on)

    def _go_on(self) -> None:
        if self._greedy:
            self.say()


async def saturated(phones: Sequence[Phone], seconds: float) -> Rate:
    """Let each say the next thing when the last was answered; count the answers a second.

    None says more than the product lets one socket say: there must be enough of them.
    """
    for at in range(0, len(phones), AT_ONCE):
        for phone in phones[at : at + AT_ONCE]:
            phone.hurry(on=True)
        await asyncio.sleep(WARM_S * min(1, AT_ONCE / len(phones)))
    await asyncio.sleep(WARM_S)
    begun, before = time.perf_counter(), _answers(phones)
    await asyncio.sleep(seconds)
    rate = (_answers(phones) - before) / (time.perf_counter() - begun)
    for phone in phones:
        phone.hurry(on=False)
    await settled(phones)
    _taken(phones)
    return Rate(rate, [])


async def paced(phones: Sequence[Phone], per_second: float, seconds: float) -> Rate:
    """Have one after the other report, so many a second; take the time of each."""
    await every(1 / per_second, WARM_S, lambda n: phones[n % len(phones)].say())
    await settled(phones)
    _taken(phones)
    said = await every(1 / per_second, seconds, lambda n: phones[-1 - n % len(phones)].say())
    await settled(phones)
    return Rate(said / seconds, _taken(phones))


async def settled(phones: Sequence[Phone]) -> None:
    """Wait until everything said was answered.

    Raises:
        AssertionError: something was refused, or is lost. Lost: a socket ended.
    """
    until = time.monotonic() + PATIENCE_S
    while any(phone.waits for phone in phones) and time.monotonic() < until:
        refused = [text for phone in phones for text in phone.refused]
        assert not refused, f"{len(refused)} were refused: {refused[0].decode()}"
        check_alive([phone.socket for phone in phones])
        await asyncio.sleep(0.02)
    said, answers = sum(phone.said for phone in phones), _answers(phones)
    assert answers == said, f"{said - answers} of {said} reports were not answered"


def _answers(phones: Sequence[Phone]) -> int:
    return sum(phone.answers for phone in phones)


def _taken(phones: Sequence[Phone]) -> list[float]:
    taken = [ms for phone in phones for ms in phone.ms]
    for phone in phones:
        phone.ms.clear()
    return taken
