"""Phones of runners who walk about, and say yes to nearly everything that they are offered."""

from __future__ import annotations

import random
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import partial
from typing import Any

import msgspec

from benchmarks.load.frames import frame
from benchmarks.load.positions import report
from benchmarks.load.socket import Socket
from common.geo import Point

STEP = 2e-5  # degrees: two or three metres in three seconds
DECLINED = 0.1  # of all offers
OFFERED = b'"offer.made"'


class Walkers:
    """All phones of a run, and when each errand was first offered on one of them."""

    def __init__(self, sockets: Sequence[Socket], places: Sequence[Point]) -> None:
        self.sockets = sockets
        self.first: dict[str, float] = {}  # by errand, of the monotonic clock
        self.answered = 0
        self._places = list(places)
        self._dice = random.Random(4)  # noqa: S311
        for socket in sockets:
            socket.heard = partial(self._hear, socket)

    def walk(self, number: int) -> None:
        """Have one after the other say where they are."""
        at = number % len(self.sockets)
        here = self._places[at]
        there = Point(here.lat + self._step(), here.lng + self._step())
        self._places[at] = there
        self.sockets[at].say(frame(report(there, datetime.now(UTC))))

    def _step(self) -> float:
        return self._dice.uniform(-STEP, STEP)

    def _hear(self, socket: Socket, text: bytes) -> None:
        if OFFERED in text:
            now = time.monotonic()
            offer: dict[str, Any] = msgspec.json.decode(text)["offer"]
            self.first.setdefault(offer["errand_id"].replace("-", ""), now)
            self._answer(socket, offer["id"])

    def _answer(self, socket: Socket, offer_id: str) -> None:
        word = "decline" if self._dice.random() < DECLINED else "accept"
        answer = {"type": f"offer.{word}", "offer_id": offer_id}
        socket.say(frame(msgspec.json.encode(answer)))
        self.answered += 1
