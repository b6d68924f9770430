"""A robot's HTTP and sockets against real servers that misbehave on purpose."""

from __future__ import annotations

import asyncio
import base64
import json
import random
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from websockets.asyncio.server import ServerConnection

from common.geo import Point
from dispatch.sandbox import wire as wire_module
from dispatch.sandbox.account import Account, Tokens
from dispatch.sandbox.api import Api
from dispatch.sandbox.line import Line
from dispatch.sandbox.phone import Phone
from dispatch.sandbox.tally import Tally
from dispatch.sandbox.wire import Refused, Unreachable, Wire, pauses
from tests.dispatch.scripted import CUT, Asked, Says, Script, http_server, socket_server


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wire_module, "FIRST_PAUSE_S", 0.01)
    monkeypatch.setattr(wire_module, "LONGEST_PAUSE_S", 0.02)
    monkeypatch.setattr(wire_module, "PATIENCE_S", 0.3)


def jwt(*, lives_s: float = 600, name: str = "t") -> str:
    payload = json.dumps({"exp": time.time() + lives_s, "name": name}).encode()
    return f"head.{base64.urlsafe_b64encode(payload).rstrip(b'=').decode()}.sign"


def meta(**token: Any) -> dict[str, Any]:
    return {"meta": {"access_token": jwt(**token), "refresh_token": "refresh-1"}}


def then(*answers: Says) -> Script:
    """Sign-up works; everything else gets these answers, the last one for ever."""
    left = list(answers)

    def script(asked: Asked) -> Says:
        if asked.path.endswith("/auth/signup"):
            return Says(200, meta())
        return left.pop(0) if len(left) > 1 else left[0]

    return script


async def api_at(url: str) -> tuple[Api, Tally]:
    tally = Tally()
    wire = Wire(url, tally, random.Random(1))
    account = Account(wire, email="robot@example.com", password="x")
    await account.open()
    return Api(wire, account), tally


STILL_RUNNING = Says(409, {"code": "still_running"})


@pytest.mark.parametrize(
    "first", [Says(CUT), Says(503, {"code": "unavailable"}), STILL_RUNNING, Says(429, {})]
)
async def test_a_passing_failure_is_tried_again_under_the_same_key(first: Says) -> None:
    async with http_server(then(first, Says(201, {"id": 1}))) as server:
        api, tally = await api_at(server.url)
        assert await api.post("/errands", {"title": "x"}) == {"id": 1}
    one, again = server.asked[-2:]
    assert one.headers["idempotency-key"] == again.headers["idempotency-key"]
    assert one.body == again.body
    assert tally.errors.total() == 1


async def test_two_posts_have_two_keys() -> None:
    async with http_server(then(Says(201, {}))) as server:
        api, _tally = await api_at(server.url)
        await api.post("/errands")
        await api.post("/errands")
    keys = {asked.headers["idempotency-key"] for asked in server.asked[-2:]}
    assert len(keys) == 2


async def test_a_refusal_is_not_tried_again_and_carries_its_code() -> None:
    problem = {"code": "illegal_move", "state": "cancelled", "detail": "too late"}
    async with http_server(then(Says(409, problem))) as server:
        api, tally = await api_at(server.url)
        with pytest.raises(Refused, match="illegal_move: too late") as caught:
            await api.post("/errands/1/arrive")
    assert caught.value.body["state"] == "cancelled"
    assert len(server.asked) == 2
    assert tally.errors == {"illegal_move": 1}


async def test_patience_ends() -> None:
    async with http_server(then(Says(500, {}))) as server:
        api, tally = await api_at(server.url)
        with pytest.raises(Unreachable, match="GET /api/v1/me"):
            await api.get("/me")
    assert tally.errors["500"] > 1


async def test_a_refused_token_is_replaced_once() -> None:
    old, new = jwt(name="old"), jwt(name="new")

    def script(asked: Asked) -> Says:
        if "/app/" in asked.path:
            token = new if asked.path.endswith("login") else old
            return Says(200, {"meta": {"access_token": token, "refresh_token": "r"}})
        good = asked.headers["authorization"] == f"Bearer {new}"
        return Says(200, {"ok": True}) if good else Says(401, {"code": "not_authenticated"})

    async with http_server(script) as server:
        api, _tally = await api_at(server.url)
        assert await api.get("/me") == {"ok": True}
    paths = [asked.path.rsplit("/", 1)[1] for asked in server.asked]
    assert paths == ["signup", "me", "login", "me"]


async def test_an_account_that_exists_logs_in() -> None:
    def script(asked: Asked) -> Says:
        return Says(400, {}) if asked.path.endswith("signup") else Says(200, meta())

    async with http_server(script) as server:
        wire = Wire(server.url, Tally(), random.Random(1))
        account = Account(wire, email="robot@example.com", password="x")
        await account.open()
        assert await account.token()
    assert [asked.path.rsplit("/", 1)[1] for asked in server.asked] == ["signup", "login"]


@pytest.mark.parametrize(("status", "expected"), [(200, "refresh"), (401, "login")])
async def test_a_token_near_its_end_is_renewed(status: int, expected: str) -> None:
    # Made now: one of the time of collection would have ended before a long suite comes here.
    renewed = {"data": {"access_token": jwt(name="b"), "refresh_token": "r2"}}

    def script(asked: Asked) -> Says:
        if asked.path.endswith("refresh"):
            assert json.loads(asked.body) == {"refresh_token": "refresh-1"}
            return Says(status, renewed if status == 200 else {})
        return Says(200, meta(lives_s=30 if asked.path.endswith("signup") else 600))

    async with http_server(script) as server:
        wire = Wire(server.url, Tally(), random.Random(1))
        account = Account(wire, email="robot@example.com", password="x")
        await account.open()
        tokens = await asyncio.gather(*(account.token() for _ in range(5)))
    assert len(set(tokens)) == 1
    assert server.asked[-1].path.endswith(expected)


def test_pauses_grow_and_have_jitter(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    found = pauses(random.Random(2))
    first = [next(found) for _ in range(10)]
    assert first[0] <= 0.3
    assert max(first) <= 5
    assert max(first[5:]) > 1
    assert len(set(first)) == 10


# --- Sockets ---
class Heard:
    """A line to a scripted socket, and everything it heard."""

    def __init__(self, url: str, *, last: int | None = None) -> None:
        self.tally = Tally()
        self.wire = Wire(url, self.tally, random.Random(1))
        self.wire.sockets = url.replace("http", "ws", 1)
        self.account = Account(self.wire, email="r@example.com", password="x")
        self.account._tokens = Tokens(jwt(), "refresh", time.time() + 600)
        self.messages: list[dict[str, Any]] = []
        self.line = Line(
            "/ws/runner/", wire=self.wire, account=self.account, hear=self.messages.append,
            last=last,
        )  # fmt: skip

    def sequences(self) -> list[int]:
        return [m["sequence"] for m in self.messages if m["type"] == "offer.made"]


def path_of(socket: ServerConnection) -> str:
    assert socket.request is not None
    return socket.request.path


async def tell(socket: ServerConnection, *messages: dict[str, Any]) -> None:
    for message in messages:
        await socket.send(json.dumps(message))


def made(*numbers: int) -> list[dict[str, Any]]:
    return [{"type": "offer.made", "sequence": number} for number in numbers]


async def test_a_line_comes_back_and_names_its_last_number() -> None:
    paths: list[str] = []

    async def talk(socket: ServerConnection) -> None:
        paths.append(path_of(socket))
        if len(paths) == 1:
            await tell(socket, {"type": "hello", "sequence": 4}, *made(5, 6))
            await socket.close(1012)
        else:
            await tell(socket, {"type": "hello", "sequence": 8}, *made(6, 7, 8))
            await socket.close(4404)

    async with socket_server(talk) as url:
        heard = Heard(url)
        await asyncio.wait_for(heard.line.stay(), 5)
    assert paths == ["/ws/runner/", "/ws/runner/?after=6"]
    assert heard.sequences() == [5, 6, 7, 8]
    assert heard.tally.reconnects == 1
    assert heard.tally.errors == {
        "socket_closed_1012": 1, "socket_closed_4404": 1, "sequence_repeated": 1,
    }  # fmt: skip


async def test_a_hole_in_the_numbers_is_told() -> None:
    async def talk(socket: ServerConnection) -> None:
        await tell(socket, {"type": "hello", "sequence": 0}, *made(1, 4))
        await socket.close(4404)

    async with socket_server(talk) as url:
        heard = Heard(url)
        await asyncio.wait_for(heard.line.stay(), 5)
    assert [message["type"] for message in heard.messages] == [
        "hello", "offer.made", "gap", "offer.made",
    ]  # fmt: skip
    assert heard.tally.errors["sequence_gap"] == 1


async def test_a_reset_starts_over_at_the_servers_number() -> None:
    async def talk(socket: ServerConnection) -> None:
        await tell(socket, {"type": "hello", "sequence": 900, "reset": True}, *made(901))
        await socket.close(4404)

    async with socket_server(talk) as url:
        heard = Heard(url, last=3)
        await asyncio.wait_for(heard.line.stay(), 5)
    assert heard.sequences() == [901]
    assert "sequence_gap" not in heard.tally.errors


async def test_a_rejected_token_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    async def talk(socket: ServerConnection) -> None:
        await tell(socket, {"type": "error", "code": "not_authenticated"})
        await socket.close(4401)

    async with socket_server(talk) as url:
        heard = Heard(url)
        token = await heard.account.token()
        rejected: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        monkeypatch.setattr(heard.account, "reject", rejected.set_result)
        staying = asyncio.create_task(heard.line.stay())
        assert await asyncio.wait_for(rejected, 5) == token
        staying.cancel()


async def test_rubbish_is_counted_and_survived() -> None:
    calls: list[int] = []

    async def talk(socket: ServerConnection) -> None:
        calls.append(1)
        if len(calls) == 1:
            await socket.send("{not json")
        await socket.close(4404 if len(calls) == 2 else 1000)

    async with socket_server(talk) as url:
        heard = Heard(url)
        await asyncio.wait_for(heard.line.stay(), 5)
    assert heard.tally.errors["socket_bad_message"] == 1


def phone_at(url: str, *, ahead: timedelta = timedelta(0)) -> Phone:
    heard = Heard(url)
    return Phone(Api(heard.wire, heard.account), heard.wire, ahead=ahead)


async def test_a_phone_matches_answers_to_questions() -> None:
    async def talk(socket: ServerConnection) -> None:
        await tell(socket, {"type": "hello", "sequence": 0})
        async for frame in socket:
            asked = json.loads(frame)
            if asked["type"] == "offer.accept":
                await tell(socket, {"type": "error", "code": "offer_gone", "id": asked["id"]})
            else:
                await tell(socket, {"type": "ack", "for": asked["type"], "id": asked["id"]})

    async with socket_server(talk) as url:
        phone = phone_at(url)
        staying = asyncio.create_task(phone.line.stay())
        assert (await phone.inbox.get())["type"] == "hello"
        assert (await phone.ask("duty.end"))["for"] == "duty.end"
        with pytest.raises(Refused, match="offer_gone"):
            await phone.ask("offer.accept", offer_id="1")
        staying.cancel()


async def test_a_phone_that_is_down_says_so_at_once() -> None:
    phone = phone_at("http://127.0.0.1:9")
    with pytest.raises(Unreachable):
        await phone.ask("duty.end")


async def test_positions_wait_for_the_connection() -> None:
    batches: list[dict[str, Any]] = []

    async def talk(socket: ServerConnection) -> None:
        await tell(socket, {"type": "hello", "sequence": 0})
        async for frame in socket:
            batches.append(json.loads(frame))
            await tell(socket, {"type": "positions.ack", "kept": 2, "refused": {"fast": 1}})
            await socket.close(4404)

    async with socket_server(talk) as url:
        phone = phone_at(url, ahead=timedelta(hours=1))
        for _ in range(2):
            await phone.report(Point(37.5, 127.0), speed=1.2)
        staying = asyncio.create_task(phone.line.stay())
        await phone.inbox.get()
        await phone.report(Point(37.5, 127.0), speed=1.2)
        await asyncio.wait_for(staying, 5)
    [batch] = batches
    assert len(batch["points"]) == 3
    its_times = [*(point["recorded_at"] for point in batch["points"]), batch["sent_at"]]
    assert its_times == sorted(its_times)
    assert datetime.fromisoformat(its_times[0]) > datetime.now(UTC) + timedelta(minutes=50)
    assert phone._wire.tally.positions_refused == {"fast": 1}
