"""What a runner says to offers; those of one bundle are answered together."""

from __future__ import annotations

import asyncio
import random
from typing import Any

from dispatch.sandbox.api import Api
from dispatch.sandbox.habits import Answer
from dispatch.sandbox.phone import Phone
from dispatch.sandbox.stage import Stage
from dispatch.sandbox.wire import Unreachable

Offer = dict[str, Any]

THINKING_S = (0.5, 3.0)
KEPT = 20
OVER_THE_SOCKET = 0.7


class Answering:
    """Thinks about each offer, or bundle of them, once."""

    def __init__(self, stage: Stage, api: Api, phone: Phone, rng: random.Random) -> None:
        self._stage = stage
        self._api = api
        self._phone = phone
        self._rng = rng
        self._known: dict[str, dict[str, float]] = {}  # bundle → offer → added minutes

    async def consider(self, offer: Offer) -> list[str]:
        """Answer an offer, unless that was done; return the errands that are ours now."""
        if not self._is_new(offer):
            return []
        answer = self._stage.habits.answer()
        self._stage.tally.offers[answer] += 1
        if answer is Answer.IGNORE:
            return []
        # Meanwhile the rest of a bundle comes in.
        await asyncio.sleep(self._rng.uniform(*THINKING_S))
        errand_ids = await self._say(answer, offer)
        if errand_ids:
            self._note(offer, errand_ids)
        return errand_ids

    def _is_new(self, offer: Offer) -> bool:
        together = offer["bundle"] or offer["id"]
        known = together in self._known
        self._known.setdefault(together, {})[offer["errand_id"]] = offer["added_minutes"]
        while len(self._known) > KEPT:
            del self._known[next(iter(self._known))]
        return not known

    def _note(self, offer: Offer, errand_ids: list[str]) -> None:
        minutes = self._known.get(offer["bundle"] or offer["id"], {})
        tally = self._stage.tally
        tally.added_minutes.extend(minutes[each] for each in errand_ids if each in minutes)
        tally.bundled += len(errand_ids) if len(errand_ids) > 1 else 0

    async def _say(self, answer: Answer, offer: Offer) -> list[str]:
        """Answer over the socket, or over REST."""
        if self._rng.random() < OVER_THE_SOCKET:
            try:
                told = await self._phone.ask(f"offer.{answer}", offer_id=offer["id"])
            except Unreachable:
                pass  # perhaps heard, perhaps not: REST tells
            else:
                return list(told.get("errand_ids", []))
        done = await self._api.post(f"/offers/{offer['id']}/{answer}")
        return list(done["accepted"]) if answer is Answer.ACCEPT else []
