"""Both sides of a socket benchmark: the product with its database, the plain ws server."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from itertools import cycle
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple, TypeVar
from uuid import UUID

import redis
import uvloop

from benchmarks.engines import environment
from benchmarks.frame.rows import Report
from benchmarks.load.socket import Address, Socket, connected
from benchmarks.sides.peers import Peer
from benchmarks.sides.product import Inside, Sockets
from common.geo import Point
from tests.services import RedisServer, Service

Options = TypeVar("Options")

TICKETS_AT_ONCE = 200


class Side(NamedTuple):
    """Servers of one side, and the Redis they write to."""

    servers: Sequence[Service]
    redis: RedisServer

    @contextmanager
    def awake(self) -> Iterator[None]:
        """Let only this side do anything: even idle sockets cost something."""
        for server in self.servers:
            server.thaw()
        yield
        self.rest()

    def rest(self) -> None:
        for server in self.servers:
            server.freeze()

    def stored(self, names: Sequence[str]) -> list[Point]:
        """Where the peer's Redis has each of ``names``."""
        with redis.Redis.from_url(self.redis.url) as client:
            found: Any = client.geopos("where", *names)
        return [Point(lat, lng) for lng, lat in found]


class Product(NamedTuple):
    """Our side, with a process that knows its models."""

    side: Side
    inside: Inside


@contextmanager
def product(processes: int) -> Iterator[Product]:
    """Run so many socket servers of the product on SQLite and one Redis."""
    with ExitStack() as stack:
        directory = stack.enter_context(TemporaryDirectory(prefix="benchmark-"))
        server = stack.enter_context(RedisServer())
        known = environment(f"sqlite:///{directory}/db.sqlite3", server)
        inside = stack.enter_context(Inside(known))
        inside.ask("city.findings")  # its tables are made before anybody reads them
        servers = [stack.enter_context(Sockets(known)) for _each in range(processes)]
        yield Product(Side(servers, server), inside)


@contextmanager
def plain_ws() -> Iterator[Side]:
    """Run the peer, one process, with a Redis of its own."""
    with ExitStack() as stack:
        server = stack.enter_context(RedisServer())
        yield Side([stack.enter_context(Peer("sockets.js", REDIS_URL=server.url))], server)


def beside_ws(
    measured: Callable[[Options, Product, Side], Coroutine[None, None, Report]],
    options: Options, *, processes: int,
) -> Report:  # fmt: skip
    """Run so many socket servers of ours and the peer, and measure both in one event loop."""
    with (
        product(processes) as ours,
        plain_ws() as peer,
        asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner,
    ):
        return runner.run(measured(options, ours, peer))


async def open_runners(ours: Product, runners: Sequence[str]) -> list[Socket]:
    """Open the socket of each runner's phone."""
    return await _open(ours, ["/ws/runner/"] * len(runners), runners)


async def open_watchers(ours: Product, errands: Sequence[str], user: str) -> list[Socket]:
    """Have ``user`` watch each errand."""
    paths = [f"/ws/errands/{UUID(errand)}/" for errand in errands]
    return await _open(ours, paths, [user] * len(paths))


async def open_public(side: Side, tokens: Sequence[str]) -> list[Socket]:
    """Watch through a tracking link, as anybody may who has its token."""
    return await connected(_addresses(side, [f"/ws/track/{token}/" for token in tokens]))


async def open_peers(side: Side, kind: str, names: Sequence[str]) -> list[Socket]:
    """Open a socket of the peer for each name: a ``runner``'s, or one to ``watch`` a runner."""
    return await connected(_addresses(side, [f"/{kind}/{name}" for name in names]))


async def _open(ours: Product, paths: Sequence[str], users: Sequence[str]) -> list[Socket]:
    opened: list[Socket] = []
    for at in range(0, len(paths), TICKETS_AT_ONCE):
        some = slice(at, at + TICKETS_AT_ONCE)
        tickets = ours.inside.ask("city.tickets", users[some])
        asked = [f"{path}?ticket={each}" for path, each in zip(paths[some], tickets, strict=True)]
        opened += await connected(_addresses(ours.side, asked))
    return opened


def _addresses(side: Side, paths: Sequence[str]) -> list[Address]:
    """Give each path one of the servers in turn."""
    ports = cycle(server.port for server in side.servers)
    return [Address(port, path) for port, path in zip(ports, paths, strict=False)]
