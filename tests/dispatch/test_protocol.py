"""What clients may say: good messages are understood, others are named for what is wrong."""

from __future__ import annotations

import json
from typing import Any

import pytest

from dispatch.protocol import (
    BURST,
    MAX_BAD_IN_A_ROW,
    MAX_FRAME_BYTES,
    MAX_GAP,
    MAX_POINTS,
    MAX_UNREAD_S,
    MESSAGES_PER_SECOND,
    RESUME_COST,
    BadMessage,
    CloseCode,
    Decoder,
    ErrorCode,
    Positions,
    TokenBucket,
    decode_map,
    decode_runner,
    decode_watcher,
)
from tests.dispatch.asyncapi import client_messages, conforms, document

DECODERS = {
    "runner": decode_runner,
    "errand": decode_watcher,
    "track": decode_watcher,
    "staffMap": decode_map,
}
POINT = {"lat": 37.5, "lng": 127.0, "accuracy": 5, "recorded_at": "2026-03-01T09:00:00+09:00"}
OFFER = "0195a1c0-0000-7000-8000-000000000001"


def said(**message: Any) -> bytes:
    return json.dumps(message).encode()


def refusal(decode: Decoder, raw: bytes) -> BadMessage:
    with pytest.raises(BadMessage) as caught:
        decode(raw)
    return caught.value


@pytest.mark.parametrize(("channel", "decode"), DECODERS.items())
def test_a_socket_understands_exactly_what_is_documented(channel: str, decode: Decoder) -> None:
    documented = client_messages(channel)
    assert {message["payload"]["properties"]["type"]["const"] for message in documented} == set(
        decode.commands
    )
    for message in documented:
        assert message["examples"]
        for example in message["examples"]:
            payload = example["payload"]
            assert decode(said(**payload)).name == payload["type"]


def test_the_document_names_the_codes_and_limits_of_the_program() -> None:
    info = document()["info"]
    assert set(info["x-close-codes"]) == set(CloseCode)
    assert set(info["x-error-codes"]) == set(ErrorCode)
    assert info["x-limits"] == {
        "frame_bytes": MAX_FRAME_BYTES,
        "messages_per_second": MESSAGES_PER_SECOND,
        "burst": BURST,
        "resume_cost": RESUME_COST,
        "bad_in_a_row": MAX_BAD_IN_A_ROW,
        "points": MAX_POINTS,
        "gap": MAX_GAP,
        "unread_s": MAX_UNREAD_S,
    }
    for code in CloseCode:
        assert f"| {code.value} |" in info["description"]


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"{",
        b"positions",
        b"\xff\xfe",
        b'{"type":"ping"',
        b'{"type":"ping"} x',
        b'{"x":' + b"[" * 30_000,
    ],
)
def test_not_json(raw: bytes) -> None:
    assert refusal(decode_runner, raw).code is ErrorCode.BAD_JSON


@pytest.mark.parametrize("raw", [b"[]", b"null", b"12", b'"ping"', b"{}", b'{"type":1}'])
def test_json_without_a_type(raw: bytes) -> None:
    assert refusal(decode_runner, raw).code is ErrorCode.INVALID


@pytest.mark.parametrize("decode", [decode_runner, decode_watcher, decode_map])
def test_an_unknown_type_is_named_and_answered_by_its_id(decode: Decoder) -> None:
    bad = refusal(decode, said(type="teleport", id="t1", x=[1]))
    assert (bad.code, bad.about, bad.command_id) == (ErrorCode.UNKNOWN_TYPE, "teleport", "t1")


def test_what_only_runners_may_say_is_unknown_elsewhere() -> None:
    bad = refusal(decode_watcher, said(type="duty.end", id="d"))
    assert (bad.code, bad.about, bad.command_id) == (ErrorCode.UNKNOWN_TYPE, "duty.end", "d")
    assert refusal(decode_map, said(type="resume", after=1)).code is ErrorCode.UNKNOWN_TYPE


WRONG = {
    "unknown field": said(type="ping", colour="red"),
    "unknown field of a point": said(type="positions", points=[{**POINT, "mood": "good"}]),
    "offer without its id": said(type="offer.accept"),
    "id that is no UUID": said(type="offer.accept", offer_id="1; drop table"),
    "number as text": said(type="resume", after="7"),
    "negative number": said(type="resume", after=-1),
    "number too large": said(type="resume", after=2**31),
    "truth as a number": said(type="resume", after=True),
    "no points": said(type="positions", points=[]),
    "101 points": said(type="positions", points=[POINT] * 101),
    "points that are none": said(type="positions", points="here"),
    "latitude off the globe": said(type="positions", points=[{**POINT, "lat": 91}]),
    "longitude off the globe": said(type="positions", points=[{**POINT, "lng": -181}]),
    "position as text": said(type="positions", points=[{**POINT, "lat": "37.5"}]),
    "negative accuracy": said(type="positions", points=[{**POINT, "accuracy": -1}]),
    "speed of light": said(type="positions", points=[{**POINT, "speed": 3e8}]),
    "heading": said(type="positions", points=[{**POINT, "heading": 361}]),
    "time without a zone": said(
        type="positions", points=[{**POINT, "recorded_at": "2026-03-01T09:00:00"}]
    ),
    "sent at no time": said(type="positions", points=[POINT], sent_at="soon"),
    "sent at a time without a zone": said(
        type="positions", points=[POINT], sent_at="2026-03-01T09:00:00"
    ),
    "time that is none": said(type="positions", points=[{**POINT, "recorded_at": "now"}]),
    "infinite": b'{"type":"duty.start","position":{"lat":1e999,"lng":127}}',
    "duty in Tokyo": said(type="duty.start", position={"lat": 35.68, "lng": 139.69}),
    "duty nowhere": said(type="duty.start"),
    "empty id": said(type="ping", id=""),
    "long id": said(type="ping", id="x" * 65),
    "number as id": said(type="ping", id=5),
}


@pytest.mark.parametrize("case", WRONG)
def test_the_wrong_shape_is_refused_with_its_place(case: str) -> None:
    raw = WRONG[case]
    bad = refusal(decode_runner, raw)
    assert bad.code is ErrorCode.INVALID
    assert bad.about == json.loads(raw)["type"]
    assert bad.reason


@pytest.mark.parametrize("case", set(WRONG) - {"infinite"})
def test_the_document_refuses_the_same(case: str) -> None:
    message = json.loads(WRONG[case])
    assert not conforms(message, channel="runner", action="receive")


def test_what_comes_back_from_a_refusal_is_cut() -> None:
    bad = refusal(decode_runner, said(type="x" * 500, id="y" * 500))
    assert (bad.about, bad.command_id) == ("x" * 64, "y" * 64)


def test_a_batch_of_points_keeps_its_order_and_its_gaps() -> None:
    far = {**POINT, "lat": 10.0, "speed": None, "heading": 360}
    command = decode_runner(said(type="positions", points=[POINT, far], id="p"))
    assert isinstance(command, Positions)
    assert [point.lat for point in command.points] == [37.5, 10.0]
    assert command.points[0].speed is None
    assert command.points[0].recorded_at.utcoffset() is not None


def test_a_burst_passes_then_the_rate_decides() -> None:
    bucket = TokenBucket(now=100.0, rate=20, burst=40)
    assert [bucket.take(100.0) for _ in range(41)] == [True] * 40 + [False]
    assert not bucket.take(100.04)
    assert bucket.take(100.06)
    assert [bucket.take(1_000.0) for _ in range(41)].count(True) == 40


def test_what_costs_more_is_refused_sooner_and_then_costs_nothing() -> None:
    bucket = TokenBucket(now=0.0, rate=20, burst=40)
    assert [bucket.take(0.0, cost=15) for _ in range(3)] == [True, True, False]
    assert bucket.take(0.0, cost=10)
