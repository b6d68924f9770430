"""Two thousand phones on one socket server: the memory of each, and what slow walking costs.

First they are only there, then each reports every three seconds. Redis and the phones are other
processes and not counted; the peer is one process of plain ws, which looks nothing up.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from typing import NamedTuple

from benchmarks.frame.program import main
from benchmarks.frame.rows import Figure, Report, Row, figure, no_more_than
from benchmarks.load.phones import Phone, paced
from benchmarks.load.positions import Walk
from benchmarks.load.socket import Socket, check_alive
from benchmarks.sides.arena import Product, Side, beside_ws, open_peers, open_runners
from benchmarks.sides.usage import cpu_s, memory_mb
from common.geo import Point

KB_PER_MB = 1_024


class Options(NamedTuple):
    """Sockets, the seconds between two reports of each, seconds of resting and of walking."""

    sockets: int = 2_000
    every: float = 3.0
    seconds: float = 12.0


class Found(NamedTuple):
    """KB of a socket, percent of a core while idle and while moving, latencies when moving."""

    kb: float
    idle: float
    moving: float
    ms: list[float]
    memory_mb: float


class Watch:
    """Looks at a side's processor time from now on."""

    def __init__(self, side: Side) -> None:
        self._side, self._since, self._used = side, time.perf_counter(), cpu_s(side.servers)

    def share(self) -> float:
        """Return how many percent of one core it took."""
        used = cpu_s(self._side.servers) - self._used
        return 100 * used / (time.perf_counter() - self._since)


def measure(options: Options) -> Report:
    return beside_ws(_measured, options, processes=1)


async def _measured(options: Options, ours: Product, peer: Side) -> Report:
    runners = ours.inside.ask("city.hire", options.sockets)
    walk = Walk(Point(*ours.inside.ask("city.centre")))
    warm = await open_runners(ours, runners[:1])  # what is loaded once is no socket's own
    before = memory_mb(ours.side.servers), memory_mb(peer.servers)
    theirs = await _found(options, peer, await open_peers(peer, "runner", runners), walk, before[1])
    sockets = await open_runners(ours, runners)
    found = await _found(options, ours.side, sockets, walk, before[0])
    check_alive(warm)
    return Report(_rows(options, found, theirs))


async def _found(
    options: Options, side: Side, sockets: Sequence[Socket], walk: Walk, before_mb: float
) -> Found:
    phones = [Phone(socket, socket, walk) for socket in sockets]
    idle = Watch(side)
    await asyncio.sleep(options.seconds)
    idle_share, moving = idle.share(), Watch(side)
    steady = await paced(phones, len(phones) / options.every, options.seconds)
    moving_share = moving.share()
    check_alive(sockets)
    now_mb = memory_mb(side.servers)
    kb = (now_mb - before_mb) * KB_PER_MB / len(phones)
    return Found(kb, idle_share, moving_share, steady.ms, now_mb)


def _rows(options: Options, ours: Found, peer: Found) -> list[Row]:
    return [
        Row(
            path=f"{options.sockets:,} sockets in one process, each", unit="KB", peer_name="ws",
            ours=Figure(value=ours.kb, memory_mb=ours.memory_mb),
            peer=Figure(value=peer.kb, memory_mb=peer.memory_mb),
            mark=no_more_than(25.0), note="resident, after idling and moving",
        ),
        Row(
            path=f"{options.sockets:,} idle sockets", unit="% of a core", peer_name="ws",
            ours=Figure(value=ours.idle), peer=Figure(value=peer.idle),
            note="ours asks the database about each every 10 s: may it stay, has it missed any",
        ),
        Row(
            path=f"{options.sockets:,} moving sockets", unit="% of a core", peer_name="ws",
            ours=figure([ours.moving], ours.ms), peer=figure([peer.moving], peer.ms),
            mark=no_more_than(25.0), note=f"a position every {options.every:g} s each",
        ),
    ]  # fmt: skip


if __name__ == "__main__":
    main(Options, measure)
