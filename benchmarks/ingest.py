"""Positions in: each one stored in Redis and acknowledged, at full speed and at a steady one.

Our side is two socket servers, the peer one process of plain ws; Redis and the phones share the
machine's cores with whichever of them is measured.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from benchmarks.frame.program import main
from benchmarks.frame.rounds import turns
from benchmarks.frame.rows import Report, Row, at_least, at_most, figure, latency
from benchmarks.load.phones import Phone
from benchmarks.load.positions import Walk
from benchmarks.load.socket import Socket
from benchmarks.sides.arena import Product, Side, beside_ws, open_peers, open_runners
from benchmarks.sides.reporting import Found, reported
from common.geo import METRES_PER_DEGREE, Point

STORED_M = 1.0  # Redis keeps about half a metre


class Options(NamedTuple):
    """Sockets of each side, socket servers of ours, seconds of a measurement, reports a second."""

    rounds: int = 3
    sockets: int = 3_000
    processes: int = 2
    seconds: float = 4.0
    rate: float = 5_000.0


def measure(options: Options) -> Report:
    return beside_ws(_measured, options, processes=options.processes)


async def _measured(options: Options, ours: Product, peer: Side) -> Report:
    runners = ours.inside.ask("city.hire", options.sockets)
    walk = Walk(Point(*ours.inside.ask("city.centre")))
    sides: dict[str, tuple[Side, list[Phone]]] = {
        "ours": (ours.side, _phones(await open_runners(ours, runners), walk)),
        "ws": (peer, _phones(await open_peers(peer, "runner", runners), walk)),
    }
    for side, _phones_of_it in sides.values():
        side.rest()
    found: dict[str, list[Found]] = {name: [] for name in sides}
    for name in turns(sides, options.rounds):
        found[name].append(await reported(*sides[name], seconds=options.seconds, rate=options.rate))
    _check(ours.inside.ask("city.stored", runners), sides["ours"][1], walk)
    _check(peer.stored(runners), sides["ws"][1], walk)
    return Report(_rows(options, found["ours"], found["ws"]))


def _phones(sockets: Sequence[Socket], walk: Walk) -> list[Phone]:
    return [Phone(socket, socket, walk) for socket in sockets]


def _check(stored: Sequence[Point], phones: Sequence[Phone], walk: Walk) -> None:
    """Each runner stands where the phone last said."""
    for at, phone in zip(stored, phones, strict=True):
        last, _when = walk.place(phone.said - 1)
        off = max(abs(at[0] - last.lat), abs(at[1] - last.lng)) * METRES_PER_DEGREE
        assert off < STORED_M, f"stored {at}, said {last}"


def _rows(options: Options, ours: Sequence[Found], peer: Sequence[Found]) -> list[Row]:
    where = f"{options.sockets:,} sockets, {options.processes} processes"
    return [
        Row(
            path="Position ingest", unit="msg/s", peer_name="ws", mark=at_least(1.5),
            ours=figure([f.full.per_second for f in ours], memory_mb=ours[-1].memory_mb),
            peer=figure([f.full.per_second for f in peer], memory_mb=peer[-1].memory_mb),
            note=f"{where}; 0 lost",
        ),
        Row(
            path=f"Position ingest, p99 at {options.rate:,.0f}/s", unit="ms", peer_name="ws",
            mark=at_most(1.0), ours=latency([each.steady.ms for each in ours]),
            peer=latency([each.steady.ms for each in peer]), note=where,
        ),
    ]  # fmt: skip


if __name__ == "__main__":
    main(Options, measure)
