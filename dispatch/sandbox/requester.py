"""A robot requester: quotes, posts, pays, follows, then confirms, objects or cancels."""

from __future__ import annotations

import asyncio
import random
from dataclasses import dataclass
from typing import Any

from dispatch.sandbox.extras import answer, extend, tip
from dispatch.sandbox.habits import RequesterFate
from dispatch.sandbox.line import Line, Message
from dispatch.sandbox.stage import Stage
from dispatch.sandbox.wire import Refused, Unreachable
from dispatch.sandbox.world import Order
from errands.states import FINAL, Kind, State

LOOK_S = 3.0
READING_S = (0.5, 2.0)
NOTHING_LEFT = FINAL | {State.DISPUTED}
TAGS = ("친절해요", "빨라요", "꼼꼼해요", "연락이 잘 돼요")


@dataclass(slots=True)
class Posted:
    """An errand of ours and what we mean to do with it; ``counted`` if this run posted it."""

    id: str
    fate: RequesterFate
    counted: bool = True
    matched: bool = False
    busy: bool = False
    extends: bool = False


class Requester:
    """One requester of the run; ``live`` follows what ``post`` has posted."""

    def __init__(self, number: int, stage: Stage) -> None:
        self._number = number
        self._stage = stage
        self._rng = random.Random(f"{stage.town.seed}:requester:{number}")
        self._api = stage.api_for("requester", number)
        self._posted: dict[str, Posted] = {}
        self._lines: dict[str, Line] = {}
        self._news = asyncio.Event()
        self.ready = asyncio.Event()

    async def live(self) -> None:
        await self._stage.insist(self._move_in)
        self.ready.set()
        async with asyncio.TaskGroup() as doings:
            while True:
                await self._stage.guarded(self._look_around(doings))
                await self._pause()

    # --- Posting ---
    async def post(self, order: Order) -> None:
        """See one order through to its payment. Raises Refused."""
        quote = await self._send(order, "quote", "/quotes", order.quote_body())
        errand = await self._send(order, "post", "/errands", order.errand_body(quote))
        posted = self._follow(errand)
        if posted.fate is RequesterFate.CANCEL_UNPAID:
            await self._cancel(posted)
            return
        payment = errand["payment"]
        body = {"payment_key": f"sandbox_ok_{errand['id']}", "amount": payment["amount"]}
        await self._send(order, "pay", f"/payments/{payment['order_id']}/confirm", body)
        self._stage.tally.funded += 1
        if posted.fate is RequesterFate.CANCEL_OPEN:
            await self._cancel(posted)

    async def _send(self, order: Order, step: str, path: str, body: Any) -> Any:
        """Send until answered: the key is the order's own, so nothing is done twice."""
        while True:
            try:
                return await self._api.post(
                    path, body, key=f"{self._stage.run}-{order.number}-{step}"
                )
            except Unreachable as error:
                self._stage.tally.error("unreachable", str(error))

    def _follow(self, errand: dict[str, Any]) -> Posted:
        posted = Posted(errand["id"], self._stage.habits.requester_fate())
        posted.extends = errand["kind"] == Kind.QUEUE and self._stage.habits.extends.fires()
        self._posted[posted.id] = posted
        self._stage.tally.posted += 1
        self._stage.tally.live[posted.id] = errand["state"]
        self._write_down_pins(errand)
        return posted

    def _write_down_pins(self, errand: dict[str, Any]) -> None:
        for where in ("pickup", "dropoff"):
            if pin := errand.get(f"{where}_pin"):
                self._stage.pins[errand["id"], where] = pin

    # --- Following ---
    async def _move_in(self) -> bool:
        """Sign in; take up again what an earlier run of this seed left underway."""
        await self._stage.settle_in(self._api, f"로봇 의뢰인 {self._number}")
        page = await self._api.get("/errands", role="requester", page_size=100)
        for errand in page["results"]:
            if errand["state"] not in NOTHING_LEFT:
                fate = RequesterFate.CONFIRM
                self._posted[errand["id"]] = Posted(errand["id"], fate, counted=False)
                self._write_down_pins(await self._api.get(f"/errands/{errand['id']}"))
        return True

    async def _pause(self) -> None:
        try:
            await asyncio.wait_for(self._news.wait(), LOOK_S)
        except TimeoutError:
            return
        self._news.clear()

    async def _look_around(self, doings: asyncio.TaskGroup) -> None:
        if not self._posted:
            return
        page = await self._api.get("/errands", role="requester", page_size=100)
        seen = {errand["id"]: errand for errand in page["results"]}
        for posted in list(self._posted.values()):
            errand = seen.get(posted.id) or await self._api.get(f"/errands/{posted.id}")
            self._see(posted, errand, doings)

    def _see(self, posted: Posted, errand: dict[str, Any], doings: asyncio.TaskGroup) -> None:
        state = State(errand["state"])
        if posted.counted:
            self._count(posted, errand)
        if state in NOTHING_LEFT:
            del self._posted[posted.id]
            doings.create_task(self._stage.guarded(self._over(posted, errand)))
        elif not posted.busy and self._has_something_to_do(posted, state, errand["kind"]):
            posted.busy = True
            doings.create_task(self._stage.guarded(self._react(posted, state)))
        if errand["runner"] and posted.id not in self._lines and state not in NOTHING_LEFT:
            self._maybe_watch(posted, doings)

    def _count(self, posted: Posted, errand: dict[str, Any]) -> None:
        tally = self._stage.tally
        tally.live[posted.id] = errand["state"]
        if errand["accepted_at"] and not posted.matched:
            posted.matched = True
            tally.matched_after(errand["opened_at"], errand["accepted_at"])
        if errand["state"] in NOTHING_LEFT:
            tally.over(posted.id, errand["state"])

    def _has_something_to_do(self, posted: Posted, state: State, kind: str) -> bool:
        if state is State.DELIVERED:
            return True
        if state is State.AT_PICKUP:
            return kind == Kind.PURCHASE  # the runner may have a question
        if state is State.PICKED_UP:
            return posted.extends
        return posted.fate is RequesterFate.CANCEL_ASSIGNED and state is State.ASSIGNED

    async def _react(self, posted: Posted, state: State) -> None:
        try:
            await asyncio.sleep(self._rng.uniform(*READING_S))
            if state is State.AT_PICKUP:
                await answer(posted.id, stage=self._stage, api=self._api)
            elif state is State.PICKED_UP:
                posted.extends = False
                await extend(posted.id, stage=self._stage, api=self._api)
            elif state is not State.DELIVERED:
                await self._cancel(posted)
            elif posted.fate is RequesterFate.OBJECT:
                body = {"note": "물건이 젖어 있어요."}
                await self._api.post(f"/errands/{posted.id}/object", body)
            else:
                await self._api.post(f"/errands/{posted.id}/confirm")
        finally:
            posted.busy = False
            self._news.set()

    async def _cancel(self, posted: Posted) -> None:
        """Cancel; when it is too late for that, mean to confirm instead."""
        try:
            await self._api.post(f"/errands/{posted.id}/cancel", {"note": "일정이 바뀌었어요."})
        except Refused:
            posted.fate = RequesterFate.CONFIRM
        else:
            self._stage.tally.cancelled_by_robots += posted.counted

    async def _over(self, posted: Posted, errand: dict[str, Any]) -> None:
        line = self._lines.pop(posted.id, None)
        if line is not None:
            await line.hang_up()
        for where in ("pickup", "dropoff"):
            self._stage.pins.pop((posted.id, where), None)
        if errand["state"] == State.COMPLETED and self._stage.habits.tips.fires():
            await self._stage.guarded(tip(posted.id, stage=self._stage, api=self._api))
        if errand["state"] == State.COMPLETED and self._rng.random() < 0.7:
            stars = self._rng.choice((3, 4, 4, 5, 5, 5))
            review = {"stars": stars, "tags": [self._rng.choice(TAGS)], "comment": ""}
            await self._api.post(f"/errands/{posted.id}/reviews", review)

    # --- Watching ---
    def _maybe_watch(self, posted: Posted, doings: asyncio.TaskGroup) -> None:
        """Open the errand's own socket for a part of them, from its first event on."""
        line = Line(
            f"/ws/errands/{posted.id}/",
            wire=self._stage.wire,
            account=self._api.account,
            hear=self._heard,
            last=0,
        )
        self._lines[posted.id] = line
        if self._stage.habits.watches.fires():
            doings.create_task(self._stage.guarded(line.stay()))

    def _heard(self, message: Message) -> None:
        if message["type"] == "position":
            self._stage.tally.positions_seen += len(message.get("path") or [message])
        else:
            self._news.set()
