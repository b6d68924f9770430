"""Reports on a web server that offers each text at once: answered without waking the socket's
task, and else in order the usual way."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest

from accounts.models import User
from common import clock
from common.db import in_database
from common.errors import Unavailable
from dispatch import locations
from dispatch.models import TrailPoint
from dispatch.protocol import BURST, READ_NOW, WRITE_NOW, CloseCode
from tests.dispatch.socket_client import Client, Ended
from tests.dispatch.stories import GANGNAM, accepted

pytestmark = pytest.mark.django_db(transaction=True)


class QuickClient(Client):
    """With the extensions of our own web server."""

    has_room = True

    def __init__(self, user: User) -> None:
        super().__init__("/ws/runner/", user=user)
        self.offered: Callable[[bytes], bool] | None = None
        self._stack.scope["extensions"] = {WRITE_NOW: self._write, READ_NOW: self._read}

    def offer(self, message: dict[str, Any]) -> bool:
        """Offer a text as the web server does; return whether it was taken."""
        assert self.offered is not None
        return self.offered(json.dumps(message).encode())

    def _write(self, text: str) -> bool:
        if self.has_room:
            self._stack.output_queue.put_nowait({"type": "websocket.send", "text": text})
        return self.has_room

    def _read(self, hear: Callable[[bytes], bool]) -> None:
        self.offered = hear


def report(ago_s: float, name: str = "") -> dict[str, Any]:
    at = (clock.now() - timedelta(seconds=ago_s)).isoformat()
    point = {**GANGNAM._asdict(), "accuracy": 6.0, "recorded_at": at}
    return {"type": "positions", "points": [point], **({"id": name} if name else {})}


async def known(phone: QuickClient) -> None:
    """After the first report the next ones need nothing but Redis."""
    await phone.hear("hello")
    assert not phone.offer(report(30))
    await phone.say(**{"type_" if name == "type" else name: v for name, v in report(30).items()})
    assert (await phone.hear("positions.ack"))["kept"] == 1


async def all_pongs(phone: QuickClient) -> None:
    while True:
        await phone.hear("pong")


async def test_a_known_runner_is_answered_at_once(bob: User) -> None:
    async with QuickClient(bob) as phone:
        await known(phone)
        assert phone.offer(report(20, "a"))
        answer = await phone.hear("positions.ack")
        assert answer == {"type": "positions.ack", "kept": 1, "refused": {}, "id": "a"}
        assert list(locations.everyone()) == [bob.pk]
        assert phone.offer(report(25))
        assert (await phone.hear("positions.ack"))["refused"] == {"out_of_order": 1}


async def test_whoever_carries_leaves_a_trail_before_the_answer(
    alice: User, bob: User, now: datetime
) -> None:
    errand = await in_database(accepted, alice, bob, now=now - timedelta(minutes=5))
    async with QuickClient(bob) as phone:
        await known(phone)
        for ago_s in (20, 10):
            assert phone.offer(report(ago_s))
            assert (await phone.hear("positions.ack"))["kept"] == 1
        trail = TrailPoint.objects.filter(errand=errand)
        assert await in_database(trail.count) == 3


async def test_one_at_a_time_and_the_rest_in_order(bob: User) -> None:
    async with QuickClient(bob) as phone:
        await known(phone)
        assert phone.offer(report(20, "a"))
        assert not phone.offer(report(19, "b"))
        await phone.say("ping", id="c")
        assert (await phone.hear("positions.ack", "pong"))["id"] == "a"
        assert (await phone.hear("pong"))["id"] == "c"
        assert phone.offer(report(18, "d"))
        assert (await phone.hear("positions.ack"))["id"] == "d"


async def test_what_is_no_report_is_not_taken(bob: User) -> None:
    async with QuickClient(bob) as phone:
        await known(phone)
        assert phone.offered is not None
        for raw in (b'{"type":"ping"}', b"\xff", b"{", b'{"type":"positions","points":[]}'):
            assert not phone.offered(raw)
        assert phone.offer(report(20))
        await phone.hear("positions.ack")


async def test_an_answer_that_finds_no_room_is_sent_before_the_next(bob: User) -> None:
    async with QuickClient(bob) as phone:
        await known(phone)
        phone.has_room = False
        assert phone.offer(report(20, "a"))
        await phone.say("ping", id="b")
        assert (await phone.hear("positions.ack", "pong"))["id"] == "a"
        assert (await phone.hear("pong"))["id"] == "b"


async def test_what_was_not_stored_is_not_acknowledged(
    bob: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    def lost(*_args: Any) -> None:
        raise Unavailable

    async with QuickClient(bob) as phone:
        await known(phone)
        with monkeypatch.context() as patch:
            patch.setattr(locations, "_queue", lost)
            assert phone.offer(report(20, "a"))
            error = await phone.hear("error")
        assert (error["code"], error["for"], error["id"]) == ("unavailable", "positions", "a")
        assert not phone.offer(report(20))  # nothing is remembered any more


async def test_it_counts_against_the_allowance(bob: User) -> None:
    async with QuickClient(bob) as phone:
        await known(phone)
        taken = 0
        while phone.offer(report(25)) and taken <= BURST + 20:
            await phone.hear("positions.ack")
            taken += 1
        assert BURST - 2 <= taken <= BURST + 20
        for _more in range(int(BURST)):
            await phone.say("ping")
        with pytest.raises(Ended) as ended:
            await all_pongs(phone)
        assert ended.value.code == CloseCode.FLOOD
