"""What a runner does in a shop with the requester's money: asks, buys, sends the receipt."""

from __future__ import annotations

import asyncio
import random
from typing import Any

from dispatch.sandbox.api import Api
from dispatch.sandbox.stage import Stage

ANSWER_S = 15.0  # how long a robot stands at the shelf for an answer
LOOK_S = 1.0
SPENT = (0.6, 1.0)  # of the budget
INSTEAD = "찾으시는 게 없어요. 비슷한 걸로 괜찮을까요?"


async def buy(errand: dict[str, Any], *, stage: Stage, api: Api, rng: random.Random) -> None:
    """Buy within the budget, now and then something else. Raises Refused or Unreachable."""
    path = f"/errands/{errand['id']}"
    if errand["substitution"] is None and stage.habits.substitutes.fires():
        await api.post(f"{path}/ask", {"text": INSTEAD})
        stage.tally.extras["asked"] += 1
        await _hear(path, api)
    # Refused, it is the thing itself after all, found at the next shelf.
    photo = await api.upload(f"{path}/photos", photo=stage.photo(), purpose="receipt")
    amount = max(1, int(errand["budget"] * rng.uniform(*SPENT)) // 10 * 10)
    await api.post(f"{path}/receipt", {"photo_id": photo["id"], "amount": amount})
    stage.tally.extras["bought"] += 1


async def _hear(path: str, api: Api) -> None:
    """Wait for the requester's answer, but not for long."""
    for _second in range(int(ANSWER_S / LOOK_S)):
        await asyncio.sleep(LOOK_S)
        if (await api.get(path))["substitution"]["state"] != "asked":
            return
