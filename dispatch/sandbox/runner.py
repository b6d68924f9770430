"""A robot runner: applies, goes on duty, walks, answers offers, carries errands, never stops."""

from __future__ import annotations

import asyncio
import random
from datetime import UTC, datetime, timedelta
from typing import Any

from common.geo import Point, walking_minutes
from dispatch.sandbox.answering import Answering
from dispatch.sandbox.bag import Bag
from dispatch.sandbox.carrying import Carrier
from dispatch.sandbox.line import Message
from dispatch.sandbox.phone import Phone
from dispatch.sandbox.stage import Stage
from dispatch.sandbox.walker import Walker
from dispatch.sandbox.wire import Refused
from errands.states import UNDERWAY, Kind

REST_S = (3.0, 8.0)
STROLL_SHARE = 0.3
BROWSE_AFTER_S = 20.0
ADDED_MINUTES = 20


class Runner:
    """One runner of the run; ``live`` is its whole life."""

    def __init__(self, number: int, stage: Stage) -> None:
        self._number = number
        self._stage = stage
        self._rng = random.Random(f"{stage.town.seed}:runner:{number}")
        self._api = stage.api_for("runner", number)
        self._phone = Phone(self._api, stage.wire, ahead=stage.clock_ahead(number))
        start = stage.town.somewhere(self._rng).point
        self._walker = Walker(stage, self._phone, start, self._rng)
        self._bag = Bag(stage.habits)
        self._carrier = Carrier(stage, self._api, self._walker, self._bag, self._rng)
        self._on_duty = asyncio.Event()
        self._answering = Answering(stage, self._api, self._phone, self._rng)
        self._idle_since = asyncio.get_running_loop().time()

    @property
    def on_line(self) -> bool:
        return self._phone.line.up and self._on_duty.is_set()

    async def live(self) -> None:
        await self._stage.insist(self._enrol)
        async with asyncio.TaskGroup() as doings:
            doings.create_task(self._phone.line.stay())
            doings.create_task(self._listen(doings))
            doings.create_task(self._work())

    async def leave(self) -> None:
        """Go off duty, unless something is still carried."""
        if not self._bag:
            await self._api.post("/duty/end")

    # --- Becoming a runner ---
    async def _enrol(self) -> bool:
        """Sign in, apply, be approved; True once all of that is done."""
        await self._stage.settle_in(self._api, f"로봇 러너 {self._number}")
        return await self._be_approved(await self._application())

    async def _be_approved(self, profile: dict[str, Any]) -> bool:
        if profile["state"] == "applied":
            await self._stage.staff.approve(profile["id"])
        elif profile["state"] == "paused":
            await self._stage.staff.resume(profile["id"])
        else:
            return True
        return bool((await self._api.get("/runner-profile"))["state"] == "approved")

    async def _application(self) -> dict[str, Any]:
        me = await self._api.get("/me")
        if me["runner"] is not None:
            found: dict[str, Any] = await self._api.get("/runner-profile")
            return found
        year = 1980 + self._rng.randrange(25)
        application = {
            "birth_date": f"{year}-05-{self._rng.randint(1, 28):02}",
            "introduction": "동네를 걷는 연습용 로봇입니다.",
            "kinds": [kind.value for kind in Kind],
            "max_kg": 20,
            "max_bags": 4,
        }
        created: dict[str, Any] = await self._api.post("/runner-profile", application)
        return created

    # --- Hearing ---
    async def _listen(self, doings: asyncio.TaskGroup) -> None:
        """What must be asked of the server is asked beside: hearing never waits for it."""
        while True:
            message = await self._phone.inbox.get()
            doings.create_task(self._stage.guarded(self._hear(message)))

    async def _hear(self, message: Message) -> None:
        match message["type"]:
            case "hello" | "gap":
                await self._catch_up()
            case "offer.made":
                await self._consider(message["offer"])
            case "errand.changed":
                await self._changed(message["errand_id"], message["state"])
            case "duty.changed" if not message["on_duty"]:
                await self._stay_on_duty()

    async def _catch_up(self) -> None:
        """After any silence, trust only what the server says now."""
        await self._stay_on_duty()
        await self._reload()
        for offer in (await self._api.get("/offers", state="offered"))["results"]:
            await self._consider(offer)

    async def _stay_on_duty(self) -> None:
        """Strikes may have paused us: then staff decide first."""
        profile = await self._api.get("/runner-profile")
        if await self._be_approved(profile) and not profile["on_duty"]:
            await self._phone.ask("duty.start", position=self._walker.position._asdict())
        self._on_duty.set()

    async def _reload(self) -> None:
        """Carry what the server says we carry."""
        before = self._bag.ids()
        carried = set((await self._api.get("/duty"))["carried"])
        # Only what was here before: more may have been accepted while we asked.
        for errand_id in before - carried:
            self._bag.forget(errand_id)
        for errand_id in carried - self._bag.ids():
            await self._carrier.reread(errand_id)

    async def _changed(self, errand_id: str, state: str) -> None:
        if state not in UNDERWAY:
            self._bag.forget(errand_id)
        elif errand_id not in self._bag:
            await self._carrier.reread(errand_id)

    async def _consider(self, offer: dict[str, Any]) -> None:
        for errand_id in await self._answering.consider(offer):
            await self._carrier.reread(errand_id)

    # --- Working ---
    async def _work(self) -> None:
        await self._on_duty.wait()
        while True:
            if self._bag:
                await self._carrier.carry_on()
                self._idle_since = asyncio.get_running_loop().time()
            else:
                await self._stroll()

    async def _stroll(self) -> None:
        """Between errands: wander a little, rest, and look for something to claim."""
        aim = self._stage.town.somewhere(self._rng).point
        if self._stage.habits.corridors.fires():
            await self._stage.guarded(self._go_home(aim))
        await self._walker.go(aim, wanted=lambda: not self._bag, share=STROLL_SHARE)
        rest = self._rng.uniform(*REST_S)
        await self._walker.wait(rest * self._stage.speed / 60, wanted=lambda: not self._bag)
        if asyncio.get_running_loop().time() - self._idle_since > BROWSE_AFTER_S:
            await self._stage.guarded(self._browse())

    async def _go_home(self, aim: Point) -> None:
        """All the way to one place, with an eye on what lies on it."""
        # The server reckons with people's legs, however fast the robots' are.
        takes = timedelta(minutes=walking_minutes(self._walker.position, aim) + ADDED_MINUTES)
        body = {
            "destination": aim._asdict(),
            "until": (datetime.now(UTC) + takes).isoformat(),
            "most_added_minutes": ADDED_MINUTES,
        }
        await self._api.put("/duty/corridor", body)
        await self._walker.go(aim, wanted=lambda: not self._bag)
        await self._api.delete("/duty/corridor")

    async def _browse(self) -> None:
        await self._stay_on_duty()
        await self._reload()
        here = self._walker.position._asdict()
        found = await self._api.get("/errands-nearby", **here, radius_m=1_500)
        if not found or self._bag:
            return
        errand_id = self._rng.choice(found)["errand_id"]
        try:
            await self._api.post(f"/errands/{errand_id}/claim")
        except Refused:
            return  # somebody was faster
        await self._carrier.reread(errand_id)
