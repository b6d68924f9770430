"""A runner's phone: the runner channel, with positions kept while there is no connection."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from datetime import UTC, datetime, timedelta
from typing import Any

from common.geo import Point
from dispatch.sandbox.api import Api
from dispatch.sandbox.line import Line, Message
from dispatch.sandbox.wire import Refused, Unreachable, Wire, new_key

ANSWER_S = 10.0
MOST_POINTS = 100  # of one batch, by the protocol
FALLBACK_S = 15.0


class Phone:
    """Talks on ``/ws/runner/``; news that is not an answer goes to ``inbox``.

    Its clock is ``ahead`` of the right time.
    """

    def __init__(self, api: Api, wire: Wire, *, ahead: timedelta = timedelta(0)) -> None:
        self._api = api
        self._wire = wire
        self._ahead = ahead
        self._points: deque[dict[str, Any]] = deque(maxlen=MOST_POINTS)
        self._asked: dict[str, asyncio.Future[Message]] = {}
        self._fell_back = 0.0
        self.inbox: asyncio.Queue[Message] = asyncio.Queue()
        self.line = Line("/ws/runner/", wire=wire, account=api.account, hear=self._hear)

    async def ask(self, kind: str, **fields: Any) -> Message:
        """Send a message and return its acknowledgement. Raises Refused or Unreachable."""
        number = new_key()
        answer: asyncio.Future[Message] = asyncio.get_running_loop().create_future()
        self._asked[number] = answer
        try:
            await self.line.send({"type": kind, "id": number, **fields})
            return await asyncio.wait_for(answer, ANSWER_S)
        except TimeoutError as error:
            raise Unreachable(f"no answer to {kind}") from error
        finally:
            del self._asked[number]

    async def report(self, point: Point, *, speed: float) -> None:
        """Say where the runner is; speed in metres a second."""
        self._points.append(
            {
                "lat": round(point.lat, 6),
                "lng": round(point.lng, 6),
                "accuracy": 8.0,
                "speed": round(speed, 1),
                "heading": None,
                "recorded_at": self._time(),
            }
        )
        if self.line.up:
            await self._flush()
        elif self._long_silent():
            self._fell_back = time.monotonic()
            await self._api.post("/duty/positions", self._batch(self._taken()))

    async def _flush(self) -> None:
        points = self._taken()
        try:
            await self.line.send({"type": "positions", **self._batch(points)})
        except Unreachable:
            self._points.extendleft(reversed(points))

    def _batch(self, points: list[dict[str, Any]]) -> dict[str, Any]:
        return {"points": points, "sent_at": self._time()}

    def _time(self) -> str:
        return (datetime.now(UTC) + self._ahead).isoformat()

    def _taken(self) -> list[dict[str, Any]]:
        points = list(self._points)
        self._points.clear()
        self._wire.tally.positions += len(points)
        return points

    def _long_silent(self) -> bool:
        return time.monotonic() - max(self.line.down_since, self._fell_back) > FALLBACK_S

    def _hear(self, message: Message) -> None:
        waiting = self._asked.get(message.get("id", ""))
        if waiting is not None and not waiting.done():
            _answer(waiting, message)
        elif message["type"] == "positions.ack":
            self._wire.tally.positions_refused.update(message.get("refused", {}))
        elif message["type"] == "error":
            self._wire.tally.error(message["code"], f"/ws/runner/ {message}")
        else:
            self.inbox.put_nowait(message)


def _answer(waiting: asyncio.Future[Message], message: Message) -> None:
    if message["type"] == "error":
        waiting.set_exception(Refused(409, message["code"], message, where="/ws/runner/"))
    else:
        waiting.set_result(message)
