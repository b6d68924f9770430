"""The clients speak the protocols, and notice what goes wrong."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager
from itertools import pairwise

import pytest
from websockets.asyncio.server import ServerConnection, serve

from benchmarks.load import phones as phones_module
from benchmarks.load.frames import PING, TEXT, frame, split
from benchmarks.load.http import Refused, answer, get, loaded
from benchmarks.load.phones import Phone, paced, settled
from benchmarks.load.positions import Walk
from benchmarks.load.socket import Address, Lost, connected
from common.geo import Point, metres_between

Handler = Callable[[ServerConnection], Awaitable[None]]
Plain = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Coroutine[None, None, None]]
ACK = '{"type":"positions.ack","kept":1,"refused":{}}'
GANGNAM = Point(37.4979, 127.0276)


@asynccontextmanager
async def phone(handler: Handler) -> AsyncIterator[Phone]:
    """A phone at a server that greets and then goes on with ``handler``."""

    async def greet(connection: ServerConnection) -> None:
        await connection.send('{"type":"hello"}')
        await handler(connection)

    async with serve(greet, "127.0.0.1", 0) as server:
        port = next(iter(server.sockets)).getsockname()[1]
        (socket,) = await connected([Address(port, "/ws/")])
        yield Phone(socket, socket, Walk(GANGNAM))
        socket.close()


@asynccontextmanager
async def answering(handler: Plain) -> AsyncIterator[int]:
    """A server on bare streams; yields its port, and ends when all its handlers have."""
    handled: list[asyncio.Task[None]] = []

    def begin(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        handled.append(asyncio.create_task(handler(reader, writer)))

    async with await asyncio.start_server(begin, "127.0.0.1", 0) as server:
        yield server.sockets[0].getsockname()[1]
        await asyncio.gather(*handled)


async def acknowledge(connection: ServerConnection) -> None:
    async for _text in connection:
        await connection.send(ACK)


def test_frames_of_every_length_are_told_apart_however_they_are_cut() -> None:
    texts = [b"a" * size for size in (0, 1, 125, 126, 4_000, 65_535, 70_000)]
    sent = b"".join(unmasked(text) for text in texts)
    for cut in (1, 3, 127, 4_096, len(sent)):
        rest, found = b"", []
        for at in range(0, len(sent), cut):
            frames, rest = split(rest + sent[at : at + cut])
            found += frames
        assert found == [(TEXT, text) for text in texts]
        assert rest == b""


def unmasked(payload: bytes) -> bytes:
    """A server's frame, by the letter of RFC 6455 §5.2."""
    size = len(payload)
    if size < 126:
        return bytes([0x81, size]) + payload
    wide = 2 if size < 65_536 else 8
    return bytes([0x81, 126 if wide == 2 else 127]) + size.to_bytes(wide, "big") + payload


async def test_a_real_server_understands_the_phones_and_their_pongs() -> None:
    heard: list[str | bytes] = []

    async def listen(connection: ServerConnection) -> None:
        await (await connection.ping())
        heard.append(await connection.recv())
        await connection.send(ACK)
        await connection.wait_closed()

    async with phone(listen) as one:
        one.say()
        await settled([one])
    assert one.answers == 1
    assert str(heard[0]).startswith('{"type":"positions","points":[{"lat":37.4979,')


async def test_every_report_is_timed() -> None:
    async with phone(acknowledge) as one:
        found = await paced([one], 50, 0.2)
    assert len(found.ms) == round(found.per_second * 0.2) > 5
    assert min(found.ms) > 0


async def test_a_report_without_an_answer_is_missed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(phones_module, "PATIENCE_S", 0.2)

    async def forget_the_second(connection: ServerConnection) -> None:
        await connection.recv()
        await connection.send(ACK)
        await connection.wait_closed()

    async with phone(forget_the_second) as one:
        one.say()
        one.say()
        with pytest.raises(AssertionError, match="1 of 2 reports were not answered"):
            await settled([one])


async def test_a_refused_report_is_no_answer() -> None:
    async def refuse(connection: ServerConnection) -> None:
        await connection.recv()
        await connection.send('{"type":"positions.ack","kept":0,"refused":{"future":1}}')
        await connection.wait_closed()

    async with phone(refuse) as one:
        one.say()
        with pytest.raises(AssertionError, match="future"):
            await settled([one])


async def test_a_socket_that_is_closed_is_lost_with_its_code() -> None:
    async def send_away(connection: ServerConnection) -> None:
        await connection.recv()
        await connection.close(4429)

    async with phone(send_away) as one:
        one.say()
        with pytest.raises(Lost, match="4429"):
            await settled([one])


async def test_a_refused_handshake_is_lost() -> None:
    async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n")
        writer.close()

    async with answering(refuse) as port:
        with pytest.raises(Lost, match="404"):
            await connected([Address(port, "/ws/")])


def test_a_walk_never_stands_still_in_time_nor_runs() -> None:
    walk = Walk(GANGNAM)
    steps = [walk.place(number) for number in range(450)]
    for (here, now), (there, then) in pairwise(steps):
        assert 0 < metres_between(here, there) < 2 * (then - now).total_seconds()


@pytest.mark.parametrize(("status", "good"), [("200 OK", True), ("429 Too Many", False)])
async def test_only_good_answers_count(status: str, good: bool) -> None:
    async def serve_one(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while not reader.at_eof() and await reader.readline():
            await reader.readuntil(b"\r\n\r\n")
            writer.write(f"HTTP/1.1 {status}\r\nContent-Length: 4\r\n\r\nbo".encode())
            await asyncio.sleep(0.001)
            writer.write(b"dy")
        writer.close()

    async with answering(serve_one) as port:
        asked = get("/", port, "token")
        if good:
            assert await answer(port, asked) == b"body"
            found = await loaded(port, [asked], lines=2, seconds=0.1)
            assert len(found.ms) == pytest.approx(found.per_second * 0.1, rel=0.5)
        else:
            with pytest.raises(Refused, match="429"):
                await answer(port, asked)


def test_a_phone_says_no_more_than_a_frame_can_hold() -> None:
    with pytest.raises(ValueError, match="70000 bytes"):
        frame(b"a" * 70_000)
    assert frame(b"", PING) == bytes([0x89, 0x80, 0, 0, 0, 0])
