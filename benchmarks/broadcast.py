"""One position to a thousand watchers: how long until the last of them has it.

A runner reports, and everybody who holds the errand's tracking link sees it. The watchers are
spread over our socket servers; the peer is one process of plain ws.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from typing import NamedTuple

from benchmarks.frame.program import main
from benchmarks.frame.rounds import turns
from benchmarks.frame.rows import Report, Row, at_most, latency
from benchmarks.load.phones import POSITION
from benchmarks.load.positions import Walk
from benchmarks.load.socket import Socket
from benchmarks.sides.arena import (
    Product,
    Side,
    beside_ws,
    open_peers,
    open_public,
    open_runners,
)
from benchmarks.sides.usage import memory_mb
from common.geo import Point

PATIENCE_S = 20.0
PAUSE_S = 0.06  # a socket may say twenty things a second


class Options(NamedTuple):
    """Watchers, socket servers of ours, messages of a round."""

    rounds: int = 3
    watchers: int = 1_000
    processes: int = 2
    messages: int = 50


class Found(NamedTuple):
    """One side in one round: milliseconds to the last watcher."""

    ms: list[float]
    memory_mb: float


class Hall:
    """A runner and an audience."""

    def __init__(self, side: Side, runner: Socket, watchers: Sequence[Socket], walk: Walk) -> None:
        self.side = side
        self._runner, self._watchers, self._walk = runner, watchers, walk
        self._said = self._heard = 0
        self._all_heard = asyncio.Event()
        for watcher in watchers:
            watcher.heard = self._hear

    async def tell(self) -> float:
        """Report a position; return the milliseconds until everybody has it."""
        self._heard = 0
        self._all_heard.clear()
        begun = time.perf_counter()
        self._runner.say(self._walk.step(self._said))
        self._said += 1
        async with asyncio.timeout(PATIENCE_S):
            await self._all_heard.wait()
        return self._took(begun)

    def _took(self, begun: float) -> float:
        assert self._heard == len(self._watchers), "somebody heard it twice"
        return (time.perf_counter() - begun) * 1_000

    def _hear(self, payload: bytes) -> None:
        if POSITION in payload:
            self._heard += 1
            if self._heard >= len(self._watchers):
                self._all_heard.set()


def measure(options: Options) -> Report:
    return beside_ws(_measured, options, processes=options.processes)


async def _measured(options: Options, ours: Product, peer: Side) -> Report:
    walk = Walk(Point(*ours.inside.ask("city.centre")))
    halls = {
        "ours": await _hall(ours, options.watchers, walk),
        "ws": await _peer_hall(peer, options.watchers, walk),
    }
    for hall in halls.values():
        hall.side.rest()
    found: dict[str, list[Found]] = {name: [] for name in halls}
    for name in turns(halls, options.rounds):
        found[name].append(await _round(halls[name], options.messages))
    return Report(_rows(options, found["ours"], found["ws"]))


async def _hall(ours: Product, watchers: int, walk: Walk) -> Hall:
    runners = ours.inside.ask("city.hire", 1)
    (requester,) = ours.inside.ask("city.requesters", 1)
    ((_errand, token),) = ours.inside.ask("city.assign", runners, requester)
    (runner,) = await open_runners(ours, runners)
    return Hall(ours.side, runner, await open_public(ours.side, [token] * watchers), walk)


async def _peer_hall(peer: Side, watchers: int, walk: Walk) -> Hall:
    (runner,) = await open_peers(peer, "runner", ["star"])
    return Hall(peer, runner, await open_peers(peer, "watch", ["star"] * watchers), walk)


async def _round(hall: Hall, messages: int) -> Found:
    with hall.side.awake():
        await hall.tell()  # the first one after a rest does not count
        ms = []
        for _number in range(messages):
            await asyncio.sleep(PAUSE_S)
            ms.append(await hall.tell())
        return Found(ms, memory_mb(hall.side.servers))


def _rows(options: Options, ours: Sequence[Found], peer: Sequence[Found]) -> list[Row]:
    sides = [
        ([each.ms for each in side], {"memory_mb": side[-1].memory_mb}) for side in (ours, peer)
    ]
    return [
        Row(
            path=f"Broadcast to {options.watchers:,}, last receipt {name}", unit="ms",
            ours=latency(sides[0][0], share, **sides[0][1]),
            peer=latency(sides[1][0], share, **sides[1][1]),
            peer_name="ws", mark=at_most(1.0), note=f"{options.processes} processes",
        )
        for name, share in (("p50", 0.5), ("p99", 0.99))
    ]  # fmt: skip


if __name__ == "__main__":
    main(Options, measure)
