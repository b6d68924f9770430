"""The hot list: a page of 20 errands, read as often as connections can ask for it.

Both sides are one process on the same database: they check a signed token and its session,
count the request, ask the same of the database and answer the same JSON, which is compared
before anything is timed.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import jwt
import redis
import uvloop
from cryptography.hazmat.primitives import serialization as pem
from cryptography.hazmat.primitives.asymmetric import rsa

from benchmarks.engines import ENGINES, Engine, environment
from benchmarks.frame.program import main
from benchmarks.frame.rounds import turns
from benchmarks.frame.rows import Report, Row, at_least, at_most, figure, latency
from benchmarks.load.http import Served, answer, get, loaded
from benchmarks.sides.peers import Peer
from benchmarks.sides.product import Inside, Web
from benchmarks.sides.usage import memory_mb
from tests.services import RedisServer, Service

PATH = "/api/v1/errands?role=requester"
COMPARED = 20
# By database: the driver of the peer, the least of its requests a second, the most of its p99.
MARKS = {
    "PostgreSQL": ("Express + pg", 1.2, 0.5),
    "SQLite": ("Express + better-sqlite3", 1.0, None),
}


class Options(NamedTuple):
    """People who ask in turn, connections, seconds of a measurement."""

    rounds: int = 3
    people: int = 400
    lines: int = 16
    seconds: float = 4.0


class Side(NamedTuple):
    """A server, and the requests it gets."""

    server: Service
    requests: Sequence[bytes]


class Found(NamedTuple):
    served: Served
    memory_mb: float


def measure(options: Options) -> Report:
    engines = [engine for engine in ENGINES if engine.name in MARKS]
    return Report([row for engine in engines for row in _rows(engine, options)])


def _rows(engine: Engine, options: Options) -> Iterator[Row]:
    with (
        _sides(engine, options) as sides,
        asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner,
    ):
        found = runner.run(_measured(options, sides))
    ours, peer = ([each.served for each in found[name]] for name in sides)
    memory = [found[name][-1].memory_mb for name in sides]
    peer_name, least, most = MARKS[engine.name]
    where = f"{options.lines} connections, one process each"
    yield Row(
        path=f"Hot list, {engine.name}", unit="req/s", peer_name=peer_name, mark=at_least(least),
        ours=figure([each.per_second for each in ours], memory_mb=memory[0]),
        peer=figure([each.per_second for each in peer], memory_mb=memory[1]), note=where,
    )  # fmt: skip
    yield Row(
        path=f"Hot list, {engine.name}, p99", unit="ms", peer_name=peer_name,
        ours=latency([each.ms for each in ours]), peer=latency([each.ms for each in peer]),
        mark=at_most(most) if most else None, note=where,
    )  # fmt: skip


@contextmanager
def _sides(engine: Engine, options: Options) -> Iterator[dict[str, Side]]:
    """Run both sides of a database, with people logged in on both."""
    private, public = _keys()
    with ExitStack() as stack:
        url = stack.enter_context(engine.serve())
        ours, theirs = (stack.enter_context(RedisServer()) for _each in range(2))
        known = environment(url, ours, JWT_PRIVATE_KEY=private, SANDBOX="false")
        inside = stack.enter_context(Inside(known))
        tokens = inside.ask("readers.log_in", options.people)
        words = Path(stack.enter_context(TemporaryDirectory())) / "words.json"
        words.write_text(json.dumps(inside.ask("readers.words")))
        _open_sessions(theirs, tokens)
        peer = Peer(
            "list.js", REDIS_URL=theirs.url, DATABASE_URL=url, PUBLIC_KEY=public, WORDS=str(words)
        )
        servers = (Web(known), peer)
        yield {
            name: Side(stack.enter_context(server), _requests(server, tokens))
            for name, server in zip(("ours", "peer"), servers, strict=True)
        }


def _keys() -> tuple[str, str]:
    key = rsa.generate_private_key(public_exponent=65_537, key_size=2_048)
    private = key.private_bytes(pem.Encoding.PEM, pem.PrivateFormat.PKCS8, pem.NoEncryption())
    public = key.public_key().public_bytes(pem.Encoding.PEM, pem.PublicFormat.SubjectPublicKeyInfo)
    return private.decode(), public.decode()


def _open_sessions(server: RedisServer, tokens: Sequence[tuple[str, str]]) -> None:
    """The peer finds a session in Redis as we do, under the number that the token names."""
    with redis.Redis.from_url(server.url) as client:
        for _user, token in tokens:
            claims = _claims(token)
            session = json.dumps({"user_id": claims["sub"]})
            client.set(f"session:{claims['sid']}", session, ex=3_600)


def _claims(token: str) -> dict[str, Any]:
    found: dict[str, Any] = jwt.decode(token, options={"verify_signature": False})
    return found


def _requests(server: Service, tokens: Sequence[tuple[str, str]]) -> list[bytes]:
    return [get(PATH, server.port, token) for _user, token in tokens]


async def _measured(options: Options, sides: dict[str, Side]) -> dict[str, list[Found]]:
    await _compare(sides)
    found: dict[str, list[Found]] = {name: [] for name in sides}
    for name in turns(sides, options.rounds):
        server, requests = sides[name]
        served = await loaded(server.port, requests, lines=options.lines, seconds=options.seconds)
        found[name].append(Found(served, memory_mb([server])))
    return found


async def _compare(sides: dict[str, Side]) -> None:
    """Raises AssertionError unless both say the same to the first callers."""
    for number in range(min(COMPARED, len(sides["ours"].requests))):
        ours, peer = [
            json.loads(await answer(side.server.port, side.requests[number]))
            for side in sides.values()
        ]
        assert len(ours["results"]) == 20, ours
        assert ours == peer, f"{ours}\n{peer}"


if __name__ == "__main__":
    main(Options, measure)
