"""Position → watcher: a runner reports, the requester who watches the errand sees it.

Our side writes the runner's trail too, and its two socket servers hand positions to each other
through Redis; the peer is one process of plain ws that keeps nothing but the last position.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from benchmarks.frame.program import main
from benchmarks.frame.rounds import turns
from benchmarks.frame.rows import Report, Row, at_least, figure, latency, no_more_than
from benchmarks.load.phones import Phone
from benchmarks.load.positions import Walk
from benchmarks.load.socket import Socket
from benchmarks.sides.arena import (
    Product,
    Side,
    beside_ws,
    open_peers,
    open_runners,
    open_watchers,
)
from benchmarks.sides.reporting import Found, reported
from common.geo import Point
from tests.services import wait_for

PATIENCE_S = 20.0


class Options(NamedTuple):
    """Runners with a watcher each, socket servers of ours, seconds, reports a second."""

    rounds: int = 3
    pairs: int = 1_500
    processes: int = 2
    seconds: float = 4.0
    rate: float = 300.0


def measure(options: Options) -> Report:
    return beside_ws(_measured, options, processes=options.processes)


async def _measured(options: Options, ours: Product, peer: Side) -> Report:
    walk = Walk(Point(*ours.inside.ask("city.centre")))
    sides = {
        "ours": (ours.side, _phones(*await _pairs(ours, options.pairs), walk)),
        "ws": (peer, _phones(*await _peer_pairs(peer, options.pairs), walk)),
    }
    for side, _all in sides.values():
        side.rest()
    found: dict[str, list[Found]] = {name: [] for name in sides}
    for name in turns(sides, options.rounds):
        found[name].append(await reported(*sides[name], seconds=options.seconds, rate=options.rate))
    said = sum(phone.said for phone in sides["ours"][1])
    with ours.side.awake():
        wait_for(
            lambda: ours.inside.ask("city.trail_points") == said,
            what=f"{said} points in the trails", seconds=PATIENCE_S,
        )  # fmt: skip
    return Report(_rows(options, found["ours"], found["ws"]))


async def _pairs(ours: Product, count: int) -> tuple[list[Socket], list[Socket]]:
    """Open the sockets of runners who carry something, and of those who wait for it."""
    runners = ours.inside.ask("city.hire", count)
    (requester,) = ours.inside.ask("city.requesters", 1)
    errands = [errand for errand, _token in ours.inside.ask("city.assign", runners, requester)]
    return await open_runners(ours, runners), await open_watchers(ours, errands, requester)


async def _peer_pairs(peer: Side, count: int) -> tuple[list[Socket], list[Socket]]:
    names = [str(number) for number in range(count)]
    return await open_peers(peer, "runner", names), await open_peers(peer, "watch", names)


def _phones(runners: Sequence[Socket], watchers: Sequence[Socket], walk: Walk) -> list[Phone]:
    return [Phone(*pair, walk) for pair in zip(runners, watchers, strict=True)]


def _rows(options: Options, ours: Sequence[Found], peer: Sequence[Found]) -> list[Row]:
    where = f"{options.pairs:,} pairs, {options.processes} processes"
    return [
        Row(
            path="Position → watcher", unit="msg/s", peer_name="ws", mark=at_least(2.0),
            ours=figure([f.full.per_second for f in ours], memory_mb=ours[-1].memory_mb),
            peer=figure([f.full.per_second for f in peer], memory_mb=peer[-1].memory_mb),
            note=f"{where}; 0 lost, every point in a trail",
        ),
        Row(
            path=f"Position → watcher, p99 at {options.rate:,.0f}/s", unit="ms", peer_name="ws",
            mark=no_more_than(5.0), ours=latency([each.steady.ms for each in ours]),
            peer=latency([each.steady.ms for each in peer]), note=where,
        ),
    ]  # fmt: skip


if __name__ == "__main__":
    main(Options, measure)
