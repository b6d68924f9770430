"""A client that misbehaves is told so or sent away, and nobody else notices."""

from __future__ import annotations

import asyncio
import gc
import json
import weakref
from collections.abc import AsyncIterator
from datetime import datetime

import pytest
import pytest_asyncio
from channels.layers import get_channel_layer
from django.db import OperationalError
from redis.exceptions import ConnectionError as RedisGone

from accounts.models import User
from common import clock
from common.redis import client as redis_client
from dispatch import live
from dispatch.consumers.base import in_database
from errands.models import Errand
from tests.dispatch.socket_client import Client
from tests.dispatch.stories import accepted, event

pytestmark = pytest.mark.django_db(transaction=True)

BINARY_PING = b'{"type":"ping"}'


@pytest.fixture
def errand(alice: User, bob: User, now: datetime) -> Errand:
    return accepted(alice, bob, now=now)


@pytest_asyncio.fixture
async def neighbour(alice: User, errand: Errand) -> AsyncIterator[Client]:
    """Somebody else's healthy socket; still so when the test is over."""
    async with Client(f"/ws/errands/{errand.pk}/", user=alice) as client:
        await client.hear("hello")
        yield client
        assert await client.is_well()
        await in_database(send_event, errand)
        await live.push_position(
            [errand.pk], point=errand.pickup, recorded_at=clock.now(), eta_minutes={}
        )
        assert (await client.hear("position"))["eta_minutes"] is None


def send_event(errand: Errand) -> None:
    live.push_errand(errand.pk, live.errand_event(event(errand, errand.version)))


@pytest_asyncio.fixture
async def client(bob: User, neighbour: Client) -> AsyncIterator[Client]:
    async with Client("/ws/runner/", user=bob) as opened:
        await opened.hear("hello")
        yield opened


async def test_bad_json_gets_an_error_and_the_socket_lives(client: Client) -> None:
    await client.send(text="{not json")
    refused = await client.hear("error")
    assert refused["code"] == "bad_json"
    assert refused["detail"].startswith("This message is not JSON. (")
    assert await client.is_well()


async def test_an_unknown_type_is_named(client: Client) -> None:
    refused = await client.ask("teleport", "error", id="t1")
    assert (refused["code"], refused["for"], refused["id"]) == ("unknown_type", "teleport", "t1")
    assert await client.is_well()


async def test_the_wrong_shape_is_named(client: Client) -> None:
    refused = await client.ask("offer.accept", "error", offer_id="17", id="a1")
    assert (refused["code"], refused["for"], refused["id"]) == ("invalid", "offer.accept", "a1")
    assert "$.offer_id" in refused["detail"]
    assert await client.is_well()


@pytest.mark.parametrize("text", ["", "null", "[]", "{}", '"\ud800"', '{"x":' + "[" * 20_000])
async def test_odd_frames_get_an_error(client: Client, text: str) -> None:
    await client.send(text=text)
    assert (await client.hear("error"))["code"] in {"bad_json", "invalid"}
    assert await client.is_well()


@pytest.mark.parametrize("data", [b"", BINARY_PING, b"\xff" * 100])
async def test_binary_frames_are_not_understood(client: Client, data: bytes) -> None:
    await client.send(data=data)
    assert (await client.hear("error"))["code"] == "binary_not_allowed"
    assert await client.is_well()


async def test_ten_in_a_row_are_enough(client: Client) -> None:
    for _ in range(9):
        await client.send(text="?")
        await client.hear("error")
    assert await client.is_well()  # understood: the count starts again
    for _ in range(10):
        await client.send(text="?")
    assert await client.ending() == 4400
    assert [message["type"] for message in client.heard].count("error") == 19


async def test_a_frame_of_32_kib_is_too_big(client: Client) -> None:
    frame = json.dumps({"type": "ping", "id": "é"}, ensure_ascii=False)
    size = len(frame.encode())
    await client.send(text=frame.ljust(32 * 1024 - 1 - size + len(frame)))
    assert await client.hear("pong") == {"type": "pong", "id": "é"}
    await client.send(text=frame.ljust(32 * 1024 - size + len(frame)))
    assert await client.ending() == 4413


@pytest.mark.parametrize("as_text", [True, False])
async def test_a_frame_of_a_megabyte_is_too_big(client: Client, as_text: bool) -> None:
    if as_text:
        await client.send(text="x" * 1_000_000)
    else:
        await client.send(data=b"x" * 1_000_000)
    assert await client.ending() == 4413


async def test_a_flood_is_stopped(client: Client) -> None:
    for _ in range(80):
        await client.say("ping")
    assert await client.ending() == 4429
    pongs = [message["type"] for message in client.heard].count("pong")
    assert 40 <= pongs < 80


async def test_a_flood_of_nonsense_is_stopped_too(client: Client) -> None:
    for _ in range(80):
        await client.send(data=b"")
    assert await client.ending() in {4400, 4429}


async def test_resuming_again_and_again_is_a_flood(client: Client) -> None:
    for _ in range(8):
        await client.say("resume", after=0)
    assert await client.ending() == 4429
    assert 4 <= [message["type"] for message in client.heard].count("hello") - 1 < 8


async def test_a_client_that_is_gone_disturbs_nobody(bob: User, neighbour: Client) -> None:
    async with Client("/ws/runner/", user=bob) as client:
        await client.say("ping")
    assert await neighbour.is_well()


async def test_a_database_that_does_not_answer_is_an_error_not_the_end(
    alice: User, errand: Errand, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with Client(f"/ws/errands/{errand.pk}/", user=alice) as client:
        await client.hear("hello")
        watched = live.errand_watched
        monkeypatch.setattr(live, "errand_watched", unreachable)
        refused = await client.ask("resume", "error", after=0, id="r")
        assert (refused["code"], refused["for"], refused["id"]) == ("unavailable", "resume", "r")
        monkeypatch.setattr(live, "errand_watched", watched)
        await client.ask("resume", "hello", after=0)


def unreachable(*_args: object) -> None:
    raise OperationalError("the database is gone")


async def test_a_socket_opened_without_a_database_is_asked_to_come_again(
    alice: User, errand: Errand, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live, "errand_watched", unreachable)
    async with Client(f"/ws/errands/{errand.pk}/", user=alice) as client:
        assert await client.ending() == 1012


async def test_a_lost_channel_layer_asks_its_clients_to_come_again(
    alice: User, errand: Errand, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def gone(_inbox: live.Inbox) -> dict[str, object]:
        await asyncio.sleep(0.05)
        raise RedisGone

    monkeypatch.setattr(live.Inbox, "next", gone)
    async with Client(f"/ws/errands/{errand.pk}/", user=alice) as client:
        assert await client.ending() == 1012


def test_a_lost_channel_layer_never_fails_who_has_news(
    errand: Errand, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    class Gone:
        async def group_send(self, *_args: object) -> None:
            raise RedisGone("no Redis")

    monkeypatch.setattr("dispatch.live.layer.get_channel_layer", Gone)
    send_event(errand)
    assert "lost a message" in caplog.text


async def test_what_a_closed_socket_never_heard_is_not_kept() -> None:
    deaf, listening = await live.Inbox.open(), await live.Inbox.open()
    for inbox in (deaf, listening):
        await inbox.join("errand.anything")
    event = {"type": "tick", "group": "errand.anything"}
    await get_channel_layer().group_send("errand.anything", event)
    assert await listening.next() == event
    unheard = weakref.ref(deaf)
    await deaf.close()
    del deaf, inbox
    gc.collect()
    assert unheard() is None
    await get_channel_layer().group_send("errand.anything", event)
    assert await listening.next() == event  # the one who stays hears on
    await listening.close()
    assert redis_client().keys("asgi:group:*") == []
