"""From a paid errand to the offer on a runner's phone, with the whole product at work.

Ten thousand runners are on duty, two thousand of them with a phone that moves. Errands are paid
for at a steady pace all over the city, by services in a process beside (see ``sides.posting``);
phones answer, and whoever has none is stood in for. Each errand counts that was first offered to a
runner with a phone: the time from just before the unit of work that opens it to the text on the
socket. At the end no socket may be lost, and the audit must be clean.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from contextlib import ExitStack, contextmanager
from typing import Any, NamedTuple

import uvloop

from benchmarks.engines import ENGINES, environment
from benchmarks.frame.program import main
from benchmarks.frame.rows import Figure, Report, Row, at_least, figure, no_more_than, percentile
from benchmarks.load.pace import every
from benchmarks.load.socket import check_alive
from benchmarks.load.walkers import Walkers
from benchmarks.sides.arena import Product, Side, open_runners
from benchmarks.sides.product import Beat, Inside, Sockets, Worker
from benchmarks.sides.usage import cpu_s, memory_mb
from common.geo import Point
from tests.services import RedisServer, Service, wait_for

REQUESTERS = 50
REACHED = 0.98  # of the pace
CHECKED_S = 2.0  # phones still walk when all else is over
LOOK_EVERY_S = 5.0


class Options(NamedTuple):
    """Runners on duty, phones among them, metres from the city's middle to a side, seconds between
    two reports, errands paid a second."""

    runners: int = 10_000
    sockets: int = 2_000
    half: float = 7_000.0
    every: float = 3.0
    posts: float = 50.0
    seconds: float = 20.0
    minutes: float = 0.0
    settle: float = 8.0  # seconds after the last payment
    database: str = "SQLite"

    @property
    def lasts_s(self) -> float:
        return self.minutes * 60 or self.seconds


class City(NamedTuple):
    """All that runs, and who is in it."""

    product: Product
    others: Sequence[Service]  # workers and the beat
    payer: Inside
    stand_in: Inside
    runners: Sequence[str]


class Story(NamedTuple):
    """What happened: milliseconds of the offers on phones, the servers' memory from time to time,
    errands paid, and how many of them nobody was asked about; the cores that each process used."""

    ms: list[float]
    memory: list[float]
    paid: int
    unasked: int
    cores: dict[str, float]


def measure(options: Options) -> Report:
    with (
        _city(options) as city,
        asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner,
    ):
        story = runner.run(_told(options, city))
        findings = city.product.inside.ask("city.findings")
        assert not findings, findings
    return Report(_rows(options, story))


@contextmanager
def _city(options: Options) -> Iterator[City]:
    (engine,) = (each for each in ENGINES if each.name == options.database)
    with ExitStack() as stack:
        url, redis = stack.enter_context(engine.serve()), stack.enter_context(RedisServer())
        known = environment(url, redis)
        inside, payer, stand_in = (stack.enter_context(Inside(known)) for _each in range(3))
        runners = inside.ask("city.hire", options.runners, "runner", options.half)
        people = inside.ask("city.requesters", REQUESTERS)
        payer.ask("posting.order", round(options.posts * options.lasts_s), people, options.half)
        sockets = stack.enter_context(Sockets(known))
        others = [stack.enter_context(each) for each in (Worker(known), Beat(known))]
        wait_for(lambda: bool(inside.ask("runs.worker_answers")), what="a worker's answer")
        yield City(Product(Side([sockets], redis), inside), others, payer, stand_in, runners)


async def _told(options: Options, city: City) -> Story:
    phones, ghosts = city.runners[: options.sockets], city.runners[options.sockets :]
    places = [Point(*each) for each in city.product.inside.ask("city.stored", phones)]
    walkers = Walkers(await open_runners(city.product, phones), places)
    lasts_s = options.lasts_s + options.settle
    walking = asyncio.create_task(
        every(options.every / len(phones), lasts_s + options.every + CHECKED_S, walkers.walk)
    )
    await asyncio.sleep(options.every)  # everybody has reported once
    paid = city.payer.begin("posting.pay", options.posts, options.lasts_s)
    others = (
        city.stand_in.begin("posting.stand_in", phones, lasts_s),
        city.product.inside.begin("city.keep_on_the_map", ghosts, lasts_s),
    )
    memory, cores = await _watched(city, paid)
    await asyncio.gather(walking, *map(asyncio.wrap_future, others))
    check_alive(walkers.sockets)
    payments, payer_cores = paid.result()
    at = dict(payments)
    ms = [(walkers.first[each] - at[each]) * 1_000 for each in at if each in walkers.first]
    assert ms, "no phone was offered anything"
    cores["payer"] = payer_cores
    return Story(ms, memory, len(at), city.product.inside.ask("posting.unasked"), cores)


async def _watched(city: City, paid: Future[Any]) -> tuple[list[float], dict[str, float]]:
    """Look at the servers' memory, and at the cores they use, until the last errand is paid."""
    servers = [*city.product.side.servers, *city.others]
    memory, used, since = [], _cpu_s(servers), time.monotonic()
    while not paid.done():
        memory.append(memory_mb(servers))
        await asyncio.wait([asyncio.wrap_future(paid)], timeout=LOOK_EVERY_S)
    lasted = time.monotonic() - since
    cores = {name: (cpu - used[name]) / lasted for name, cpu in _cpu_s(servers).items()}
    return [*memory, memory_mb(servers)], cores


def _cpu_s(servers: Sequence[Service]) -> dict[str, float]:
    return {type(each).__name__.lower(): cpu_s([each]) for each in servers}


def _rows(options: Options, story: Story) -> list[Row]:
    cores = ", ".join(f"{name} {used:.2f}" for name, used in story.cores.items())
    where = (
        f"{options.runners:,} on duty, {options.sockets:,} moving sockets, {options.database};"
        f" {story.paid / options.lasts_s:.0f} of {options.posts:g} paid/s"
        f" for {options.lasts_s:.0f} s; {len(story.ms):,} of {story.paid:,} first on a phone,"
        f" {story.unasked} asked nobody; cores: {cores}"
    )
    path = "Errand paid → offer on the runner's socket"
    return [
        Row(
            path=f"{path}, {name}", unit="ms", mark=no_more_than(limit), note=where,
            ours=figure([percentile(story.ms, share)], story.ms),
        )
        for name, share, limit in (("p50", 0.5, 300.0), ("p99", 0.99, 1_000.0))
    ] + [
        Row(
            path="… errands paid, beside all that", unit="/s",
            ours=Figure(value=story.paid / options.lasts_s), mark=at_least(REACHED),
            peer_name="asked for", peer=Figure(value=options.posts),
            note="latencies of fewer say little of so many",
        ),
        Row(
            path="… memory of the servers, at the end", unit="MB", peer_name="at first",
            ours=Figure(value=story.memory[-1]),
            peer=Figure(value=story.memory[len(story.memory) // 5]),
            note="the socket server, the worker and the beat",
        )
    ]  # fmt: skip


if __name__ == "__main__":
    main(Options, measure)
