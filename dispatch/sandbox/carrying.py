"""What a runner does with an errand, state by state. The server's state decides, not memory."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any

from common.geo import Point
from dispatch.sandbox.api import Api
from dispatch.sandbox.bag import Bag, Errand, place
from dispatch.sandbox.habits import RunnerFate
from dispatch.sandbox.shopping import buy
from dispatch.sandbox.stage import Stage
from dispatch.sandbox.walker import Walker
from dispatch.sandbox.wire import Changed, Refused
from errands.states import TWO_PLACES, Kind

Step = Callable[["Carrier", Errand], Awaitable[Errand]]

AT_THE_COUNTER = (1.0, 3.0)  # minutes
AFTER_TROUBLE_S = 1.0
PATIENCE_S = 60.0  # for a block of a queue to end; robots do not stand there for longer
NOT_MINE = 404


class Carrier:
    """Hands and legs for what is in the bag."""

    def __init__(
        self, stage: Stage, api: Api, walker: Walker, bag: Bag, rng: random.Random
    ) -> None:
        self._stage = stage
        self._api = api
        self._walker = walker
        self._bag = bag
        self._rng = rng

    async def carry_on(self) -> None:
        """Do the next thing for the errand whose next place is nearest."""
        errand = self._bag.nearest(self._walker.position)
        moved = await self._stage.guarded(STEPS[errand["state"]](self, errand))
        if moved is not None:
            self._bag.went_well(errand["id"])
            self._bag.keep(moved)
        elif errand["id"] in self._bag:
            await self._look_again(errand["id"])

    async def reread(self, errand_id: str) -> None:
        """Ask the server how an errand stands. Raises Unreachable."""
        try:
            self._bag.keep(await self._api.get(f"/errands/{errand_id}"))
        except Refused as refusal:
            if refusal.status == NOT_MINE:
                self._bag.forget(errand_id)

    async def _look_again(self, errand_id: str) -> None:
        await asyncio.sleep(AFTER_TROUBLE_S)
        if self._bag.went_wrong(errand_id):
            self._stage.tally.error("gave_up", errand_id)
            self._bag.forget(errand_id)
        else:
            await self._stage.guarded(self.reread(errand_id))

    # --- One step for each state ---
    async def to_pickup(self, errand: Errand) -> Errand:
        pickup = place(errand["pickup"])
        if self._bag.fate(errand) is RunnerFate.DROP:
            await self._walk(errand, pickup, share=0.3)
            return await self._drop(errand)
        await self._walk(errand, pickup)
        return await self._move(errand, "arrive", {"position": pickup._asdict()})

    async def pick_up(self, errand: Errand) -> Errand:
        await self._walker.wait(self._rng.uniform(*AT_THE_COUNTER), wanted=self._still(errand))
        if self._bag.fate(errand) is RunnerFate.FAIL and self._rng.random() < 0.5:
            return await self._give_up(errand, "fail", "shop_closed")
        if errand.get("budget") and errand["spent"] is None:
            await buy(errand, stage=self._stage, api=self._api, rng=self._rng)
        if not errand["asks_pickup_pin"]:
            proof = {"photo_id": await self._photo(errand, "pickup")}
        elif pin := self._stage.pins.get((errand["id"], "pickup")):
            proof = {"pin": pin}
        else:  # a person's errand, who is not here to tell the PIN
            return await self._give_up(errand, "fail", "requester_unreachable")
        return await self._move(errand, "pick-up", proof)

    async def onward(self, errand: Errand) -> Errand:
        if errand["kind"] == Kind.QUEUE and errand.get("blocks"):
            return await self.stand(errand)
        if errand["kind"] not in TWO_PLACES:
            await self._walker.wait(errand["expected_minutes"], wanted=self._still(errand))
            return await self.hand_over(errand)
        dropoff = place(errand["dropoff"])
        await self._walk(errand, dropoff)
        return await self._move(errand, "arrive", {"position": dropoff._asdict()})

    async def stand(self, errand: Errand) -> Errand:
        """Stand one block of the queue out; then begin the next, or say that it is done."""
        minutes = errand["expected_minutes"] / errand["blocks"]["paid"]
        await self._walker.wait(minutes, wanted=self._still(errand))
        blocks = (await self._api.get(f"/errands/{errand['id']}"))["blocks"]  # one more, perhaps
        left = seconds_until(blocks["next_at"])
        if blocks["begun"] >= blocks["paid"] or left > PATIENCE_S:
            return await self.hand_over(errand)
        await asyncio.sleep(max(0.0, left))
        photo_id = await self._photo(errand, "waiting")
        body = {"photo_id": photo_id, "position": self._walker.position._asdict()}
        begun = await self._move(errand, "check-in", body)
        self._stage.tally.extras["checked_in"] += 1
        return begun

    async def hand_over(self, errand: Errand) -> Errand:
        pin = self._stage.pins.get((errand["id"], "dropoff"))
        alone = errand["proof"] == "pin" and pin is None
        if alone or self._bag.fate(errand) is RunnerFate.FAIL:
            move = "return" if errand["kind"] in TWO_PLACES else "fail"
            return await self._give_up(errand, move, "recipient_unreachable")
        body: dict[str, Any] = {"position": self._walker.position._asdict()}
        if errand["proof"] == "pin":
            body["pin"] = pin
        else:
            body["photo_id"] = await self._photo(errand, "delivery")
        return await self._move(errand, "deliver", body)

    async def bring_back(self, errand: Errand) -> Errand:
        await self._walk(errand, place(errand["pickup"]))
        body = {"photo_id": await self._photo(errand, "incident")}
        return await self._move(errand, "hand-back", body)

    # --- Hands and legs ---
    async def _move(self, errand: Errand, move: str, body: dict[str, Any]) -> Errand:
        moved: Errand = await self._api.post(f"/errands/{errand['id']}/{move}", body)
        return moved

    async def _drop(self, errand: Errand) -> Errand:
        body = {"reason": "갑자기 일이 생겼어요"}
        await self._api.post(f"/errands/{errand['id']}/drop", body)
        return {**errand, "state": "open"}

    async def _give_up(self, errand: Errand, move: str, reason: str) -> Errand:
        body = {
            "reason": reason,
            "note": "사진을 함께 올렸어요",
            "photo_id": await self._photo(errand, "incident"),
            "position": self._walker.position._asdict(),
        }
        return await self._move(errand, move, body)

    async def _photo(self, errand: Errand, purpose: str) -> str:
        path = f"/errands/{errand['id']}/photos"
        answer = await self._api.upload(path, photo=self._stage.photo(), purpose=purpose)
        return str(answer["id"])

    async def _walk(self, errand: Errand, end: Point, *, share: float = 1.0) -> None:
        """Raises Changed when the errand was taken away on the way."""
        await self._walker.go(end, wanted=self._still(errand), share=share)
        if errand["id"] not in self._bag:
            raise Changed(errand["id"])

    def _still(self, errand: Errand) -> Callable[[], bool]:
        return lambda: errand["id"] in self._bag


def seconds_until(at: str) -> float:
    """Return the real seconds until ``at`` (RFC 3339), below 0 when it is past."""
    return (datetime.fromisoformat(at) - datetime.now(UTC)).total_seconds()


STEPS: dict[str, Step] = {
    "assigned": Carrier.to_pickup,
    "at_pickup": Carrier.pick_up,
    "picked_up": Carrier.onward,
    "at_dropoff": Carrier.hand_over,
    "returning": Carrier.bring_back,
}
