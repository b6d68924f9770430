"""The one thing only staff can do, done as staff do it: in the admin, with a browser's form."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx

from dispatch.sandbox.wire import Refused, Unreachable, Wire

LOGIN = "/admin/login/"
APPLICATIONS = "/admin/accounts/runnerprofile/"
TRIES = 5


class Staff:
    """The demo staff member at the admin; approvals asked for meanwhile go in one form."""

    def __init__(self, wire: Wire, *, email: str, password: str) -> None:
        self._wire = wire
        self._credentials = {"username": email, "password": password}
        self._http = wire.new_client()
        self._http.headers["Referer"] = wire.base_url  # what Django wants to see over HTTPS
        self._waiting: set[str] = set()
        self._at_work = asyncio.Lock()

    async def log_in(self) -> None:
        """Raises Refused when the admin does not know these credentials."""
        await self._wire.send("GET", LOGIN, http=self._http)
        answer = await self._submit(LOGIN, self._credentials)
        if answer.status_code != httpx.codes.FOUND:
            raise Refused(answer.status_code, "staff_login_refused", {}, where=LOGIN)

    async def approve(self, profile_id: str) -> None:
        """Let an applicant run. Raises Unreachable."""
        self._waiting.add(profile_id)
        async with self._at_work:
            if profile_id in self._waiting:
                batch = sorted(self._waiting)
                form = {"action": "approve_applications", "_selected_action": batch}
                await self._done(APPLICATIONS, form)
                self._waiting.difference_update(batch)

    async def resume(self, profile_id: str) -> None:
        """Let a runner go on whom strikes have paused. Raises Unreachable."""
        async with self._at_work:
            await self._done(f"{APPLICATIONS}{profile_id}/resume/", {"_form_submitted": "true"})

    async def close(self) -> None:
        await self._http.aclose()

    async def _done(self, path: str, form: dict[str, Any]) -> None:
        for _ in range(TRIES):
            answer = await self._submit(path, form)
            if _accepted(answer):
                return
            await self.log_in()
        raise Unreachable(f"{path} in the admin")

    async def _submit(self, path: str, form: dict[str, Any]) -> httpx.Response:
        token = self._http.cookies.get("csrftoken") or ""
        data = {**form, "csrfmiddlewaretoken": token}
        return await self._wire.send("POST", path, http=self._http, data=data)


def _accepted(answer: httpx.Response) -> bool:
    """A form leads back to the list, a dialog tells htmx where to go; both may mean the login."""
    if "hx-redirect" in answer.headers:
        return True
    return answer.status_code == httpx.codes.FOUND and LOGIN not in answer.headers["location"]
