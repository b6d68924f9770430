"""What robots do in each state, against a server that says yes."""

from __future__ import annotations

import asyncio
import json
import random
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from common.geo import Point
from dispatch.sandbox import answering as answering_module
from dispatch.sandbox import requester as requester_module
from dispatch.sandbox import shopping as shopping_module
from dispatch.sandbox import stage as stage_module
from dispatch.sandbox.account import Tokens
from dispatch.sandbox.answering import Answering
from dispatch.sandbox.api import Api
from dispatch.sandbox.bag import Bag
from dispatch.sandbox.carrying import STEPS, Carrier
from dispatch.sandbox.habits import Answer, Habits, RequesterFate, RunnerFate, Share
from dispatch.sandbox.phone import Phone
from dispatch.sandbox.requester import Posted, Requester
from dispatch.sandbox.runner import Runner
from dispatch.sandbox.staff import Staff
from dispatch.sandbox.stage import Stage
from dispatch.sandbox.tally import Tally
from dispatch.sandbox.walker import Walker
from dispatch.sandbox.wire import Refused, Unreachable, Wire
from dispatch.sandbox.world import Town
from errands.states import UNDERWAY
from tests.dispatch.scripted import Asked, Http, Says, Script, http_server

HERE = Point(37.5563, 126.9236)
AFTER = {
    "arrive": "at_pickup", "pick-up": "picked_up", "deliver": "delivered", "fail": "failed",
    "return": "returning", "hand-back": "returned",
}  # fmt: skip


def errand(state: str, **changes: Any) -> dict[str, Any]:
    place = {**HERE._asdict(), "address": "홍대입구역 근처"}
    return {
        "id": "e1", "kind": "delivery", "state": state, "role": "runner", "proof": "photo",
        "pickup": place, "dropoff": place, "asks_pickup_pin": False, "expected_minutes": 0,
        "runner": None, "accepted_at": None, "opened_at": None, **changes,
    }  # fmt: skip


def yes(asked: Asked) -> Says:
    """Every move succeeds; photos get a number."""
    move = asked.path.rsplit("/", 1)[1]
    if move == "photos":
        return Says(201, {"id": "photo-1"})
    return Says(200, errand(AFTER.get(move, "open")))


@asynccontextmanager
async def stage_at(script: Script) -> AsyncIterator[tuple[Stage, Http]]:
    async with http_server(script) as http:
        tally, rng = Tally(), random.Random(1)
        wire = Wire(http.url, tally, rng)
        staff = Staff(wire, email="staff@example.com", password="x")
        yield (
            Stage(
                town=Town(1), wire=wire, tally=tally, staff=staff, habits=Habits(rng),
                speed=600, rng=rng,
            ),
            http,
        )  # fmt: skip


def known(api: Api) -> Api:
    api.account._tokens = Tokens("token", "refresh", time.time() + 600)
    return api


def carrier_of(stage: Stage) -> tuple[Carrier, Bag]:
    api = known(stage.api_for("runner", 1))
    bag = Bag(stage.habits)
    walker = Walker(stage, Phone(api, stage.wire), HERE, stage.rng)
    return Carrier(stage, api, walker, bag, stage.rng), bag


def put(bag: Bag, one: dict[str, Any], fate: RunnerFate = RunnerFate.DELIVER) -> None:
    bag.keep(one)
    bag._fates[one["id"]] = fate


def paths(http: Http) -> list[str]:
    return [asked.path.removeprefix("/api/v1/errands/e1/") for asked in http.asked]


def test_every_state_of_a_carried_errand_has_its_step() -> None:
    assert set(STEPS) == set(UNDERWAY)


@pytest.mark.parametrize(
    ("one", "fate", "expected"),
    [
        (errand("assigned"), RunnerFate.DELIVER, ["arrive"]),
        (errand("assigned"), RunnerFate.DROP, ["drop"]),
        (errand("at_pickup"), RunnerFate.DELIVER, ["photos", "pick-up"]),
        (errand("at_pickup", asks_pickup_pin=True), RunnerFate.DELIVER, ["photos", "fail"]),
        (errand("picked_up"), RunnerFate.DELIVER, ["arrive"]),
        (errand("picked_up", kind="help"), RunnerFate.DELIVER, ["photos", "deliver"]),
        (errand("picked_up", kind="help"), RunnerFate.FAIL, ["photos", "fail"]),
        (errand("at_dropoff"), RunnerFate.DELIVER, ["photos", "deliver"]),
        (errand("at_dropoff", proof="pin"), RunnerFate.DELIVER, ["photos", "return"]),
        (errand("at_dropoff"), RunnerFate.FAIL, ["photos", "return"]),
        (errand("returning"), RunnerFate.DELIVER, ["photos", "hand-back"]),
    ],
)
async def test_a_runner_does_what_the_state_asks(
    one: dict[str, Any], fate: RunnerFate, expected: list[str]
) -> None:
    async with stage_at(yes) as (stage, http):
        carrier, bag = carrier_of(stage)
        put(bag, one, fate)
        await carrier.carry_on()
    assert paths(http) == expected


def purchase(**changes: Any) -> dict[str, Any]:
    asked = {"kind": "purchase", "budget": 6_000, "spent": None, "substitution": None}
    return errand("at_pickup", **asked | changes)


@pytest.mark.parametrize("asks", [True, False])
async def test_a_runner_buys_within_the_budget(monkeypatch: pytest.MonkeyPatch, asks: bool) -> None:
    monkeypatch.setattr(shopping_module, "LOOK_S", 0.01)
    answered = purchase(substitution={"sequence": 4, "state": "approved"})

    def script(asked: Asked) -> Says:
        return Says(200, answered) if asked.method == "GET" else yes(asked)

    async with stage_at(script) as (stage, http):
        stage.habits.substitutes = Share(float(asks), stage.rng)
        carrier, bag = carrier_of(stage)
        put(bag, purchase(), RunnerFate.DELIVER)
        await carrier.carry_on()
    posts = [asked.path.rsplit("/", 1)[1] for asked in http.asked if asked.method == "POST"]
    assert posts == [*["ask"][: int(asks)], "photos", "receipt", "photos", "pick-up"]
    (receipt,) = (asked for asked in http.asked if asked.path.endswith("receipt"))
    assert 0 < json.loads(receipt.body)["amount"] <= 6_000


async def test_what_is_bought_is_not_bought_again() -> None:
    async with stage_at(yes) as (stage, http):
        carrier, bag = carrier_of(stage)
        put(bag, purchase(spent=5_000), RunnerFate.DELIVER)
        await carrier.carry_on()
    assert paths(http) == ["photos", "pick-up"]


def queue(*, begun: int, paid: int, ahead_s: float = -1) -> dict[str, Any]:
    next_at = (datetime.now(UTC) + timedelta(seconds=ahead_s)).isoformat()
    blocks = {"begun": begun, "paid": paid, "next_at": next_at}
    return errand("picked_up", kind="queue", dropoff=None, blocks=blocks)


@pytest.mark.parametrize(
    ("begun", "ahead_s", "expected"),
    [
        (1, -1, ["photos", "check-in"]),
        (2, -1, ["photos", "deliver"]),
        (1, 900, ["photos", "deliver"]),  # too long for a robot
    ],
)
async def test_a_queue_is_stood_out_block_by_block(
    begun: int, ahead_s: float, expected: list[str]
) -> None:
    now = queue(begun=begun, paid=2, ahead_s=ahead_s)

    def script(asked: Asked) -> Says:
        return Says(200, now) if asked.method == "GET" else yes(asked)

    async with stage_at(script) as (stage, http):
        carrier, bag = carrier_of(stage)
        put(bag, queue(begun=1, paid=1), RunnerFate.DELIVER)  # as it was before the extension
        await carrier.carry_on()
    assert [path for path in paths(http) if "/" not in path] == expected


async def test_a_pin_is_asked_at_the_door() -> None:
    async with stage_at(yes) as (stage, http):
        carrier, bag = carrier_of(stage)
        stage.pins["e1", "dropoff"] = "0417"
        put(bag, errand("at_dropoff", proof="pin"))
        await carrier.carry_on()
    assert paths(http) == ["deliver"]
    assert json.loads(http.asked[0].body)["pin"] == "0417"


async def test_what_is_over_leaves_the_bag() -> None:
    async with stage_at(yes) as (stage, _http):
        carrier, bag = carrier_of(stage)
        put(bag, errand("at_dropoff"))
        await carrier.carry_on()
        assert not bag


async def test_a_refused_move_leads_to_the_state_of_the_server(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("dispatch.sandbox.carrying.AFTER_TROUBLE_S", 0)

    def script(asked: Asked) -> Says:
        if asked.method == "GET":
            return Says(200, errand("returning"))
        return Says(409, {"code": "illegal_move", "state": "returning"})

    async with stage_at(script) as (stage, _http):
        carrier, bag = carrier_of(stage)
        put(bag, errand("assigned"))
        await carrier.carry_on()
        assert bag.nearest(HERE)["state"] == "returning"
        assert stage.tally.errors == {"illegal_move": 1}


async def test_an_errand_that_is_not_ours_any_more_is_forgotten() -> None:
    async with stage_at(lambda _asked: Says(404, {"code": "not_found"})) as (stage, _http):
        carrier, bag = carrier_of(stage)
        put(bag, errand("assigned"))
        await carrier.reread("e1")
        assert "e1" not in bag


async def test_walking_stops_when_the_errand_is_taken_away() -> None:
    async with stage_at(yes) as (stage, http):
        carrier, bag = carrier_of(stage)
        far = {"lat": 37.65, "lng": 126.99, "address": ""}
        put(bag, errand("assigned", pickup=far))
        walking = asyncio.create_task(carrier.carry_on())
        await asyncio.sleep(0)
        bag.forget("e1")
        await asyncio.wait_for(walking, 10)
    assert "arrive" not in paths(http)


async def test_what_is_accepted_during_a_reload_is_not_forgotten() -> None:
    def script(asked: Asked) -> Says:
        if asked.path.endswith("/duty"):
            runner._bag.keep(errand("assigned", id="just-accepted"))
            return Says(200, {"on_duty": True, "carried": ["missed"]})
        return Says(200, errand("assigned", id="missed"))

    async with stage_at(script) as (stage, _http):
        runner = Runner(1, stage)
        known(runner._api)
        runner._bag.keep(errand("assigned", id="gone"))
        await runner._reload()
        assert runner._bag.ids() == {"just-accepted", "missed"}


def test_the_nearest_next_place_comes_first() -> None:
    bag = Bag(Habits(random.Random(1)))
    far = {"lat": 37.60, "lng": 126.99}
    bag.keep(errand("assigned", id="far", pickup=far))
    bag.keep(errand("at_dropoff", id="near", pickup=far))
    assert bag.nearest(HERE)["id"] == "near"
    assert bag.ids() == {"far", "near"}
    bag.forget("near")
    assert bag.nearest(HERE)["id"] == "far"


def test_trouble_ends() -> None:
    bag = Bag(Habits(random.Random(1)))
    assert [bag.went_wrong("e1") for _ in range(13)].index(True) == 12
    bag.went_well("e1")
    assert not bag.went_wrong("e1")


# --- Offers ---
def answering(stage: Stage) -> Answering:
    api = known(stage.api_for("runner", 1))
    return Answering(stage, api, Phone(api, stage.wire), stage.rng)


class _Sure(Habits):
    def __init__(self, rng: random.Random, answer: Answer) -> None:
        super().__init__(rng)
        self._answer = answer

    def answer(self) -> Answer:
        return self._answer


def offer(number: int, **changes: Any) -> dict[str, Any]:
    return {
        "id": f"o{number}", "errand_id": f"e{number}", "added_minutes": float(number),
        "bundle": "b", "bundle_size": 3, **changes,
    }  # fmt: skip


@pytest.fixture
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    """Thinks just long enough to hear the rest, and answers by REST."""
    monkeypatch.setattr(answering_module, "THINKING_S", (0.05, 0.05))
    monkeypatch.setattr(answering_module, "OVER_THE_SOCKET", 0.0)


@pytest.mark.usefixtures("hasty")
@pytest.mark.parametrize("answer", [Answer.ACCEPT, Answer.DECLINE])
async def test_a_bundle_is_answered_once(answer: Answer) -> None:
    done = Says(200, {"accepted": ["e1", "e3"], "gone": ["e2"]})
    async with stage_at(lambda _asked: done) as (stage, http):
        stage.habits = _Sure(stage.rng, answer)
        robot = answering(stage)
        won = await asyncio.gather(*(robot.consider(offer(number)) for number in (1, 2, 3)))
        assert [asked.path for asked in http.asked] == [f"/api/v1/offers/o1/{answer}"]
        taken = [["e1", "e3"], [], []] if answer is Answer.ACCEPT else [[], [], []]
        assert won == taken
        assert list(stage.tally.added_minutes) == ([1, 3] if taken[0] else [])
        assert (stage.tally.bundled, stage.tally.offers) == (2 if taken[0] else 0, {answer: 1})
        assert await robot.consider(offer(2)) == []
        assert len(http.asked) == 1


@pytest.mark.usefixtures("hasty")
async def test_offers_alone_are_answered_each() -> None:
    def script(asked: Asked) -> Says:
        return Says(200, {"accepted": [asked.path.split("/")[4].replace("o", "e")], "gone": []})

    async with stage_at(script) as (stage, http):
        stage.habits = _Sure(stage.rng, Answer.ACCEPT)
        robot = answering(stage)
        assert await robot.consider(offer(1, bundle=None, bundle_size=1)) == ["e1"]
        assert await robot.consider(offer(2, bundle=None, bundle_size=1)) == ["e2"]
        assert (len(http.asked), stage.tally.bundled) == (2, 0)


async def test_who_goes_home_says_so_and_takes_it_back() -> None:
    async with stage_at(lambda _asked: Says(200, {})) as (stage, http):
        runner = Runner(1, stage)
        known(runner._api)
        runner._walker.position = HERE
        await runner._go_home(Point(HERE.lat + 0.001, HERE.lng))
    asked = [(each.method, each.path) for each in http.asked if "corridor" in each.path]
    assert asked == [("PUT", "/api/v1/duty/corridor"), ("DELETE", "/api/v1/duty/corridor")]
    assert json.loads(http.asked[0].body)["most_added_minutes"] == 20


# --- Requesters ---
def posting(asked: Asked) -> Says:
    if asked.path.endswith("/quotes"):
        return Says(201, {"id": "q1", "reward_floor": 5_000})
    if asked.path.endswith("/errands"):
        order = {"order_id": "o1", "amount": 5_500}
        return Says(201, errand("awaiting_payment", payment=order, dropoff_pin="1234"))
    return Says(200, errand("cancelled" if asked.path.endswith("cancel") else "open"))


def requester_of(stage: Stage, fate: RequesterFate) -> Requester:
    found = Requester(1, stage)
    known(found._api)
    stage.habits = _Decided(stage.rng, fate)
    return found


class _Decided(Habits):
    def __init__(self, rng: random.Random, fate: RequesterFate) -> None:
        super().__init__(rng)
        self._fate = fate

    def requester_fate(self) -> RequesterFate:
        return self._fate


@pytest.mark.parametrize(
    ("fate", "expected"),
    [
        (RequesterFate.CONFIRM, ["quotes", "errands", "confirm"]),
        (RequesterFate.CANCEL_UNPAID, ["quotes", "errands", "cancel"]),
        (RequesterFate.CANCEL_OPEN, ["quotes", "errands", "confirm", "cancel"]),
    ],
)
async def test_a_requester_quotes_posts_and_pays(fate: RequesterFate, expected: list[str]) -> None:
    async with stage_at(posting) as (stage, http):
        requester = requester_of(stage, fate)
        await requester.post(next(stage.town.orders()))
    assert [asked.path.rsplit("/", 1)[1] for asked in http.asked] == expected
    assert stage.pins["e1", "dropoff"] == "1234"
    assert stage.tally.posted == 1
    assert stage.tally.cancelled_by_robots == ("cancel" in expected)


async def test_a_payment_names_the_amount_of_the_order() -> None:
    async with stage_at(posting) as (stage, http):
        await requester_of(stage, RequesterFate.CONFIRM).post(next(stage.town.orders()))
    paid = http.asked[-1]
    assert paid.path == "/api/v1/payments/o1/confirm"
    assert json.loads(paid.body) == {"payment_key": "sandbox_ok_e1", "amount": 5_500}
    keys = [asked.headers["idempotency-key"] for asked in http.asked]
    assert len(set(keys)) == 3


@pytest.mark.parametrize(
    ("state", "fate", "expected"),
    [
        ("delivered", RequesterFate.CONFIRM, ["confirm"]),
        ("delivered", RequesterFate.OBJECT, ["object"]),
        ("assigned", RequesterFate.CANCEL_ASSIGNED, ["cancel"]),
        ("assigned", RequesterFate.CONFIRM, []),
        ("delivered", RequesterFate.CANCEL_ASSIGNED, ["confirm"]),
    ],
)
async def test_a_requester_reacts_to_what_happens(
    monkeypatch: pytest.MonkeyPatch, state: str, fate: RequesterFate, expected: list[str]
) -> None:
    monkeypatch.setattr(requester_module, "READING_S", (0, 0))
    async with stage_at(yes) as (stage, http):
        requester = requester_of(stage, fate)
        posted = Posted("e1", fate)
        requester._posted["e1"] = posted
        async with asyncio.TaskGroup() as doings:
            requester._see(posted, errand(state), doings)
    assert paths(http) == expected
    assert not posted.busy


@pytest.mark.parametrize(
    ("state", "kind", "expected"),
    [
        ("at_pickup", "purchase", ["answer"]),
        ("picked_up", "queue", ["blocks", "confirm"]),
        ("completed", "help", ["tip", "confirm"]),
    ],
)
async def test_a_requester_answers_extends_and_tips(
    monkeypatch: pytest.MonkeyPatch, state: str, kind: str, expected: list[str]
) -> None:
    monkeypatch.setattr(requester_module, "READING_S", (0, 0))

    def script(asked: Asked) -> Says:
        if asked.method == "GET":
            return Says(200, purchase(substitution={"sequence": 4, "state": "asked"}))
        return Says(201, {"order_id": "o2", "amount": 2_970})

    async with stage_at(script) as (stage, http):
        requester = requester_of(stage, RequesterFate.CONFIRM)
        stage.habits.tips = Share(1, stage.rng)
        posted = Posted("e1", RequesterFate.CONFIRM, extends=True)
        requester._posted["e1"] = posted
        async with asyncio.TaskGroup() as doings:
            requester._see(posted, errand(state, kind=kind), doings)
    made = [each for each in http.asked if each.method == "POST" and "review" not in each.path]
    assert [each.path.rsplit("/", 1)[1] for each in made] == expected
    if expected[-1] == "confirm":
        paid = {"payment_key": "sandbox_ok_o2", "amount": 2_970}
        assert json.loads(made[-1].body) == paid


async def test_too_late_to_cancel_means_to_confirm() -> None:
    def script(_asked: Asked) -> Says:
        return Says(409, {"code": "illegal_move"})

    async with stage_at(script) as (stage, _http):
        requester = requester_of(stage, RequesterFate.CANCEL_ASSIGNED)
        posted = Posted("e1", RequesterFate.CANCEL_ASSIGNED)
        await requester._cancel(posted)
        assert posted.fate is RequesterFate.CONFIRM
        assert stage.tally.cancelled_by_robots == 0


# --- Getting over trouble ---
async def _raise(error: Exception) -> None:
    raise error


@pytest.mark.parametrize(
    ("error", "counted"),
    [
        (Refused(409, "illegal_move", {}), {}),
        (Unreachable("GET /x"), {"unreachable": 1}),
        (KeyError("id"), {"unexpected_answer": 1}),
    ],
)
async def test_no_trouble_stops_a_robot(error: Exception, counted: dict[str, int]) -> None:
    async with stage_at(yes) as (stage, _http):
        await stage.guarded(_raise(error))
        assert stage.tally.errors == counted


async def test_insisting_ends_with_success(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stage_module, "RETRY_S", 0)
    answers = iter([False, False, True])

    async def action() -> bool:
        return next(answers)

    async with stage_at(yes) as (stage, _http):
        await stage.insist(action)
    assert next(answers, None) is None
