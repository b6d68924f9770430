"""What a requester does beside the moves: answers a runner's question, waits longer, tips."""

from __future__ import annotations

from typing import Any

from dispatch.sandbox.api import Api
from dispatch.sandbox.stage import Stage

TIPS = (1_000, 2_000, 3_000)  # won


async def answer(errand_id: str, *, stage: Stage, api: Api) -> None:
    """Say yes or no to something else than what was ordered, if that was asked."""
    asked = (await api.get(f"/errands/{errand_id}")).get("substitution")
    if asked and asked["state"] == "asked":
        approved = stage.habits.approves.fires()
        body = {"sequence": asked["sequence"], "approved": approved}
        await api.post(f"/errands/{errand_id}/answer", body)
        stage.tally.extras["approved" if approved else "refused"] += 1


async def extend(errand_id: str, *, stage: Stage, api: Api) -> None:
    """Pay for one more block in the queue."""
    await _pay(await api.post(f"/errands/{errand_id}/blocks", {"blocks": 1}), api)
    stage.tally.extras["extended"] += 1


async def tip(errand_id: str, *, stage: Stage, api: Api) -> None:
    await _pay(await api.post(f"/errands/{errand_id}/tip", {"amount": stage.rng.choice(TIPS)}), api)
    stage.tally.extras["tipped"] += 1


async def _pay(order: dict[str, Any], api: Api) -> None:
    body = {"payment_key": f"sandbox_ok_{order['order_id']}", "amount": order["amount"]}
    await api.post(f"/payments/{order['order_id']}/confirm", body)
