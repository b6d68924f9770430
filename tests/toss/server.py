"""A Toss-compatible server on a free port, that can be told to fail."""

from __future__ import annotations

import base64
import hmac
import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import httpx

from tests.toss import window
from tests.toss.company import SECRET_KEY, Answer, Company, Refusal

# What befalls the next POSTs, in order; "after": the money has moved by then.
LATE, DROP, BROKEN = "late", "drop", "broken"
LATE_S = 1.0


class Handler(BaseHTTPRequestHandler):
    server: TossServer
    protocol_version = "HTTP/1.1"

    def log_message(self, *_args: object) -> None:
        """Tests print nothing."""

    def do_GET(self) -> None:
        address = urlsplit(self.path)
        with self.server.company.lock:
            page = window.sent(self.server.company, address.path, dict(parse_qsl(address.query)))
        if page:
            return self._send(*page)
        return self._answer(self._refused() or self._run(self._read))

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        refused = self._refused()
        if refused:
            return self._answer(refused)
        trouble = self.server.troubles.pop(0) if self.server.troubles else ("", "")
        if self._befalls(trouble, "before"):
            return None
        answer = self._once(body)
        if not self._befalls(trouble, "after"):
            self._answer(answer)
        return None

    def _befalls(self, trouble: tuple[str, str], moment: str) -> bool:
        """Do what was ordered for this moment; True if that was the answer."""
        when, what = trouble
        if when != moment:
            return False
        if what == LATE:
            time.sleep(LATE_S)
            return False
        if what == DROP:
            self.close_connection = True
        else:
            self._answer((500, {"code": "FAILED_INTERNAL_SYSTEM_PROCESSING", "message": "test"}))
        return True

    def _refused(self) -> Answer | None:
        wanted = base64.b64encode(f"{SECRET_KEY}:".encode()).decode()
        if hmac.compare_digest(self.headers.get("Authorization", ""), f"Basic {wanted}"):
            return None
        return Refusal(401, "UNAUTHORIZED_KEY").answer

    def _once(self, body: dict[str, Any]) -> Answer:
        company, key = self.server.company, self.headers.get("Idempotency-Key")
        if key is None:
            return self._run(lambda: self._write(body))
        if len(key) > 300:
            return Refusal(400, "INVALID_IDEMPOTENCY_KEY").answer
        earlier = company.once(self.path, key)
        if earlier is None:
            earlier = self._run(lambda: self._write(body))
            company.answers[self.path, key] = earlier
        return earlier

    def _run(self, work: Any) -> Answer:
        try:
            with self.server.company.lock:
                status, found = work()
                return status, json.loads(json.dumps(found))
        except Refusal as refusal:
            return refusal.answer

    def _read(self) -> Answer:
        address = urlsplit(self.path)
        match address.path.strip("/").split("/"):
            case ["v1", "settlements"]:
                return self.server.company.settlements(dict(parse_qsl(address.query)))
            case ["v1", "payments", "orders", order_id]:
                return self.server.company.find_order(order_id)
            case ["v1", "payments", payment_key]:
                return self.server.company.find(payment_key)
        raise Refusal(404, "NOT_FOUND")

    def _write(self, body: dict[str, Any]) -> Answer:
        match self.path.strip("/").split("/"):
            case ["v1", "payments", "confirm"]:
                return self.server.company.confirm(body)
            case ["v1", "payments", payment_key, "cancel"]:
                return self.server.company.cancel(payment_key, body)
        raise Refusal(404, "NOT_FOUND")

    def _answer(self, answer: Answer) -> None:
        status, body = answer
        self._send(status, {"Content-Type": "application/json"}, json.dumps(body))

    def _send(self, status: int, headers: dict[str, str], body: str) -> None:
        content = body.encode()
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)


class TossServer(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64  # twenty come at once

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.company = Company()
        self.troubles: list[tuple[str, str]] = []  # ("before" or "after", what)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def handle_error(self, *_args: object) -> None:
        """A client that went away is what tests are about."""


@contextmanager
def toss_server() -> Iterator[TossServer]:
    server = TossServer()
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()


def webhook(payment: dict[str, Any], kind: str = "PAYMENT_STATUS_CHANGED") -> dict[str, Any]:
    """Return the body of a webhook, in the shape of its kind."""
    created = {"eventType": kind, "createdAt": "2026-11-28T10:00:00.000000"}
    if kind == "DEPOSIT_CALLBACK":  # this one has no data, and no event type either
        fields = ("orderId", "status")
        return {"createdAt": created["createdAt"], "secret": "ps_test", "transactionKey": "t"} | {
            name: payment[name] for name in fields
        }
    return created | {"data": payment}


def send(url: str, body: dict[str, Any], transmission: str, tries: int = 8) -> int:
    """Send a webhook, and up to 7 times again until the answer is 200; return how many times."""
    headers = {"tosspayments-webhook-transmission-id": transmission}
    for sent in range(1, tries + 1):
        if httpx.post(url, json=body, headers=headers).status_code == httpx.codes.OK:
            return sent
    return tries
