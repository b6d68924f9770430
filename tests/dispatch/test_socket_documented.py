"""Every message in ``docs/asyncapi.yaml`` is really sent, and looks as it is described there.

The client checks each frame it hears, here and in all other tests of sockets.
"""

from __future__ import annotations

import re
from datetime import datetime

import jsonschema
import pytest

from accounts.models import User
from common import clock
from common.geo import SERVICE_BOX
from dispatch import locations
from dispatch.consumers.base import in_database
from dispatch.policy import Fix
from dispatch.protocol import MAX_PATH
from dispatch.routing import websocket_urlpatterns
from dispatch.services import match_area
from errands import states
from errands.models import Errand
from tests.dispatch import asyncapi
from tests.dispatch.socket_client import Client
from tests.dispatch.stories import GANGNAM, accepted, opened

ANY = ("hello", "ack", "positions.ack", "error", "pong", "offer.made", "offer.closed",
       "errand.changed", "duty.changed", "errand.event", "position", "snapshot")  # fmt: skip


async def hear_until(client: Client, *wanted: str) -> None:
    """Listen until all of these types were heard, in whatever order."""
    while not client.types_heard >= set(wanted):
        await client.hear(*ANY)


def acknowledged(client: Client) -> set[str]:
    return {message["for"] for message in client.heard if message["type"] == "ack"}


def documented(channel: str) -> set[str]:
    return set(asyncapi.messages(channel, "send"))


def matched(requester: User, now: datetime) -> str:
    """Return the offer that came of a new errand."""
    errand = opened(requester, now=now)
    assert match_area(area=errand.area, now=now) == 1
    return str(errand.offers.get().pk)


@pytest.mark.django_db(transaction=True)
async def test_a_runner_hears_everything_that_is_documented(
    alice: User, bob: User, now: datetime
) -> None:
    async with Client("/ws/runner/", user=bob) as client:
        await hear_until(client, "hello")
        await client.say("duty.end", id="end")
        await client.say("duty.start", position=GANGNAM._asdict(), id="start")
        await client.say("ping", id="p")
        await hear_until(client, "ack", "duty.changed", "pong")
        await client.say(
            "positions", points=[{**GANGNAM._asdict(), "accuracy": 900,
                                  "recorded_at": clock.now().isoformat()}],
        )  # fmt: skip
        await hear_until(client, "positions.ack")
        declined = await in_database(matched, alice, now)
        await hear_until(client, "offer.made")
        await client.say("offer.decline", offer_id=declined, id="no")
        await hear_until(client, "offer.closed")
        await client.say("offer.accept", offer_id=declined, id="late")
        await hear_until(client, "error")
        await client.say("offer.accept", offer_id=await in_database(matched, alice, now))
        while acknowledged(client) != {"duty.start", "duty.end", "offer.accept", "offer.decline"}:
            await client.hear(*ANY)
        await hear_until(client, "errand.changed")
    assert client.types_heard == documented("runner")


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("channel", ["errand", "track"])
async def test_watchers_hear_everything_that_is_documented(
    alice: User, bob: User, now: datetime, channel: str
) -> None:
    errand: Errand = await in_database(accepted, alice, bob, now=now)
    await locations.remember(bob.pk, [Fix(GANGNAM.lat, GANGNAM.lng, 5.0, clock.now())])
    path = {
        "errand": f"/ws/errands/{errand.pk}/?after=0",
        "track": f"/ws/track/{errand.tracking_token}/?after=0",
    }[channel]
    async with Client(path, user=alice) as client:
        await hear_until(client, "hello", "errand.event", "position")
        await client.say("ping")
        await client.say("dance")
        await hear_until(client, "pong", "error")
    assert client.channel == channel
    assert client.types_heard == documented(channel)


@pytest.mark.django_db(transaction=True)
async def test_staff_hear_everything_that_is_documented(dana: User) -> None:
    async with Client("/ws/staff/map/", user=dana) as client:
        await client.say("ping")
        await client.say("dance")
        await hear_until(client, "hello", "snapshot", "pong", "error")
    assert client.types_heard == documented("staffMap")


def test_every_address_is_documented_and_the_other_way_round() -> None:
    served = {
        "/" + re.sub(r"<\w+:(\w+)>", r"{\1}", str(pattern.pattern))
        for pattern in websocket_urlpatterns
    }
    assert served == {channel["address"] for channel in asyncapi.document()["channels"].values()}


def test_the_words_of_the_document_are_those_of_the_program() -> None:
    schemas = asyncapi.document()["components"]["schemas"]
    assert set(schemas["State"]["enum"]) == set(states.State)
    assert set(schemas["Kind"]["enum"]) == set(states.Kind)
    event = asyncapi.at("#/components/messages/errandEvent")["payload"]["properties"]
    assert set(event["move"]["enum"]) == set(states.Move)
    assert set(event["role"]["enum"]) == set(states.Role)
    place = schemas["ServicePlace"]["properties"]
    assert (place["lat"]["minimum"], place["lat"]["maximum"]) == (
        SERVICE_BOX.south, SERVICE_BOX.north,
    )  # fmt: skip
    assert (place["lng"]["minimum"], place["lng"]["maximum"]) == (
        SERVICE_BOX.west, SERVICE_BOX.east,
    )  # fmt: skip


def test_a_path_is_as_long_as_is_documented() -> None:
    position = asyncapi.at("#/components/messages/position")["payload"]["properties"]
    assert position["path"]["maxItems"] == MAX_PATH


def test_every_schema_is_one_and_every_reference_leads_somewhere() -> None:
    for message in asyncapi.document()["components"]["messages"].values():
        jsonschema.Draft202012Validator.check_schema(message["payload"])
    for reference in re.findall(r"\$ref: '([^']+)'", asyncapi.PATH.read_text(encoding="utf-8")):
        assert asyncapi.at(reference)


def test_messages_of_a_channel_are_all_of_an_operation() -> None:
    for name, channel in asyncapi.document()["channels"].items():
        said = set(asyncapi.messages(name, "send").values())
        understood = set(asyncapi.messages(name, "receive").values())
        assert said | understood == {entry["$ref"] for entry in channel["messages"].values()}


@pytest.mark.parametrize(
    "wrong",
    [
        {"type": "hello", "sequence": 3, "state": "assigned"},
        {"type": "hello", "sequence": 3, "state": "lost", "reset": False},
        {"type": "hello", "sequence": 3, "state": "assigned", "reset": False, "runner": "bob"},
        {"type": "position", "lat": 37.5, "lng": 127.0, "eta_minutes": None, "recorded_at": "now"},
    ],
)
def test_the_check_can_fail(wrong: dict[str, object]) -> None:
    with pytest.raises((jsonschema.ValidationError, ValueError)):
        asyncapi.check(wrong, channel="errand")


def test_a_type_that_is_not_documented_fails() -> None:
    with pytest.raises(KeyError):
        asyncapi.check({"type": "offer.made"}, channel="errand")
