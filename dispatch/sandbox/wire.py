"""HTTP as a phone in a lift does it: time limits, the same request again, and giving up."""

from __future__ import annotations

import asyncio
import random
import time
import uuid
from collections.abc import Iterator, Mapping
from typing import Any

import httpx

from dispatch.sandbox.tally import Tally

TIMEOUT_S = 20.0
PATIENCE_S = 60.0
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.3, 5.0


class Trouble(Exception):
    """Something a robot must get over."""


class Refused(Trouble):
    """The server understood and said no, with a stable ``code``."""

    def __init__(self, status: int, code: str, body: Mapping[str, Any], *, where: str = "") -> None:
        super().__init__(f"{where} {status} {code}: {body.get('detail', '')}".strip())
        self.status = status
        self.code = code
        self.body = body


class Changed(Trouble):
    """The world moved on meanwhile: no error, look again."""


class Unreachable(Trouble):
    """Nobody answered, for as long as a robot has patience."""


def pauses(rng: random.Random) -> Iterator[float]:
    """Yield seconds to wait before each further try: doubled each time, with full jitter."""
    longest = FIRST_PAUSE_S
    while True:
        yield rng.uniform(longest / 4, longest)
        longest = min(longest * 2, LONGEST_PAUSE_S)


class Wire:
    """One connection pool to one server; every answer is timed and every failure counted."""

    def __init__(self, base_url: str, tally: Tally, rng: random.Random) -> None:
        self.base_url = base_url.rstrip("/")
        self.tally = tally
        self.rng = rng
        self.sockets = ""  # their origin, once somebody has asked
        self.http = self.new_client()

    def new_client(self) -> httpx.AsyncClient:
        """Return a client with its own cookies; never through a proxy of the environment."""
        return httpx.AsyncClient(
            base_url=self.base_url,
            timeout=TIMEOUT_S,
            trust_env=False,
            limits=httpx.Limits(max_connections=64, keepalive_expiry=30),
        )

    async def send(
        self, method: str, path: str, *, http: httpx.AsyncClient | None = None, **options: Any
    ) -> httpx.Response:
        """Return the first answer that is final, be it yes or no. Raises Unreachable."""
        give_up = time.monotonic() + PATIENCE_S
        for pause in pauses(self.rng):
            answer = await self._once(http or self.http, method, path, options)
            if answer is not None and not _again(answer):
                return answer
            if time.monotonic() > give_up:
                break
            await asyncio.sleep(max(pause, _asked_pause(answer)))
        raise Unreachable(f"{method} {path}")

    async def _once(
        self, http: httpx.AsyncClient, method: str, path: str, options: Mapping[str, Any]
    ) -> httpx.Response | None:
        begun = time.perf_counter()
        try:
            answer = await http.request(method, path, **options)
        except httpx.TransportError as error:
            self.tally.error(f"connection_{type(error).__name__}", f"{method} {path} {error}")
            return None
        self.tally.answered(time.perf_counter() - begun)
        if _again(answer):
            code = problem_of(answer).get("code", answer.status_code)
            self.tally.error(str(code), f"{method} {path} {answer.text[:200]}")
        return answer

    async def close(self) -> None:
        await self.http.aclose()


def new_key() -> str:
    return uuid.uuid4().hex


def problem_of(answer: httpx.Response) -> Mapping[str, Any]:
    """Return the problem+json body, or nothing when it is another kind of answer."""
    if "json" not in answer.headers.get("content-type", ""):
        return {}
    body = answer.json()
    return body if isinstance(body, dict) else {}


def _again(answer: httpx.Response) -> bool:
    if answer.status_code >= 500 or answer.status_code == httpx.codes.TOO_MANY_REQUESTS:
        return True
    still = answer.status_code == httpx.codes.CONFLICT
    return still and problem_of(answer).get("code") == "still_running"


def _asked_pause(answer: httpx.Response | None) -> float:
    asked = answer.headers.get("retry-after", "0") if answer is not None else "0"
    return min(float(asked), LONGEST_PAUSE_S) if asked.isdecimal() else 0.0
