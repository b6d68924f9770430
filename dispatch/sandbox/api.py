"""REST as one robot uses it."""

from __future__ import annotations

from typing import Any

import httpx

from dispatch.sandbox.account import Account
from dispatch.sandbox.wire import Refused, Wire, new_key, problem_of

PREFIX = "/api/v1"


class Api:
    """Bearer tokens, an Idempotency-Key on every POST, refusals as exceptions.

    Every method raises Refused or Unreachable.
    """

    def __init__(self, wire: Wire, account: Account) -> None:
        self._wire = wire
        self.account = account

    async def get(self, path: str, **params: Any) -> Any:
        return await self._call("GET", path, {"params": params})

    async def post(self, path: str, body: Any = None, *, key: str | None = None) -> Any:
        """Send ``body``; a lost answer is asked for again under the same key."""
        headers = {"Idempotency-Key": key or new_key()}
        return await self._call("POST", path, {"json": body or {}, "headers": headers})

    async def upload(self, path: str, *, photo: bytes, purpose: str) -> Any:
        headers = {"Idempotency-Key": new_key()}
        files = {"photo": ("proof.jpg", photo, "image/jpeg")}
        options = {"files": files, "data": {"purpose": purpose}, "headers": headers}
        return await self._call("POST", path, options)

    async def put(self, path: str, body: Any) -> Any:
        return await self._call("PUT", path, {"json": body})

    async def delete(self, path: str) -> Any:
        return await self._call("DELETE", path, {})

    async def patch(self, path: str, body: Any) -> Any:
        return await self._call("PATCH", path, {"json": body})

    async def _call(self, method: str, path: str, options: dict[str, Any]) -> Any:
        answer = await self._authorised(method, path, options)
        if answer.status_code == httpx.codes.UNAUTHORIZED:
            answer = await self._authorised(method, path, options)
        if answer.is_success:
            return answer.json() if answer.content else None
        problem = problem_of(answer)
        code = str(problem.get("code", f"http_{answer.status_code}"))
        refusal = Refused(answer.status_code, code, problem, where=f"{method} {path}")
        self._wire.tally.error(code, f"{refusal} {problem.get('errors', '')}")
        raise refusal

    async def _authorised(self, method: str, path: str, options: dict[str, Any]) -> httpx.Response:
        token = await self.account.token()
        headers = {**options.get("headers", {}), "Authorization": f"Bearer {token}"}
        answer = await self._wire.send(method, PREFIX + path, **{**options, "headers": headers})
        if answer.status_code == httpx.codes.UNAUTHORIZED:
            self.account.reject(token)
        return answer
