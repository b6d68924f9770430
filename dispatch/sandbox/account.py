"""Who a robot is: sign-up, login and fresh tokens, as the mobile app does it."""

from __future__ import annotations

import asyncio
import base64
import json
import time
from typing import Any, NamedTuple

import httpx

from dispatch.sandbox.wire import Refused, Wire, problem_of

AUTH = "/api/v1/auth/app/v1"
TICKETS = "/api/v1/ws-tickets"
MARGIN_S = 90.0  # a token is renewed this long before it expires


class Tokens(NamedTuple):
    access: str
    refresh: str
    expires_at: float


class Account:
    """An e-mail, a password, and the tokens they were exchanged for."""

    def __init__(self, wire: Wire, *, email: str, password: str) -> None:
        self._wire = wire
        self._login = {"email": email, "password": password}
        self._tokens: Tokens | None = None
        self._renewing = asyncio.Lock()
        self.email = email

    async def open(self) -> None:
        """Sign up, or log in when this robot exists already."""
        answer = await self._post("/auth/signup", self._login)
        if answer.status_code == httpx.codes.OK:
            self._tokens = _tokens(answer.json()["meta"])
        else:
            self._tokens = await self._log_in()

    async def token(self) -> str:
        """Return an access token that lives long enough for what comes next."""
        async with self._renewing:
            tokens = self._tokens
            if tokens is None:
                tokens = await self._log_in()
            elif tokens.expires_at - time.time() < MARGIN_S:
                tokens = await self._refresh(tokens)
            self._tokens = tokens
            return tokens.access

    def reject(self, token: str) -> None:
        """The server said 401 to ``token``: get another one next time."""
        if self._tokens is not None and self._tokens.access == token:
            self._tokens = None

    async def sockets(self) -> str:
        """Return ``ws://host:port`` of the WebSockets, which the answer to a ticket names."""
        if not self._wire.sockets:  # one robot asks for all
            bearer = {"Authorization": f"Bearer {await self.token()}"}
            answer = await self._wire.send("POST", TICKETS, json={}, headers=bearer)
            if answer.status_code != httpx.codes.CREATED:
                raise _refusal("ticket", answer)
            self._wire.sockets = str(answer.json()["origin"])
        return self._wire.sockets

    async def _log_in(self) -> Tokens:
        answer = await self._post("/auth/login", self._login)
        if answer.status_code != httpx.codes.OK:
            raise _refusal("login", answer)
        return _tokens(answer.json()["meta"])

    async def _refresh(self, old: Tokens) -> Tokens:
        answer = await self._post("/tokens/refresh", {"refresh_token": old.refresh})
        if answer.status_code != httpx.codes.OK:
            # A rotated token is good once: when the answer got lost, only the password helps.
            return await self._log_in()
        return _tokens({"refresh_token": old.refresh, **answer.json()["data"]})

    async def _post(self, path: str, body: dict[str, str]) -> httpx.Response:
        return await self._wire.send("POST", f"{AUTH}{path}", json=body)


def _tokens(meta: dict[str, Any]) -> Tokens:
    access = str(meta["access_token"])
    return Tokens(access, str(meta["refresh_token"]), _expiry(access))


def _expiry(token: str) -> float:
    """Read ``exp`` from a JWT without verifying it: that is the server's business."""
    middle = token.split(".")[1]
    payload = json.loads(base64.urlsafe_b64decode(middle + "=" * (-len(middle) % 4)))
    return float(payload["exp"])


def _refusal(what: str, answer: httpx.Response) -> Refused:
    problem = problem_of(answer)
    return Refused(answer.status_code, f"{what}_refused", {"detail": str(problem)[:200]})
