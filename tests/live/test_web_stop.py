"""What the web server was asked before a stop, it answers."""

from __future__ import annotations

import signal
import socket
from collections.abc import Iterator

import pytest

from tests.live.web_server import PATIENCE_S, WebServer
from tests.services import wait_for

pytestmark = [pytest.mark.live, pytest.mark.once, pytest.mark.django_db(transaction=True)]

BODY = b'{"email": "nobody@example.com", "password": "wrong"}'
HEAD = (
    b"POST /api/v1/auth/app/v1/auth/login HTTP/1.1\r\nHost: 127.0.0.1\r\n"
    b"Content-Type: application/json\r\nContent-Length: %d\r\nExpect: 100-continue\r\n\r\n"
) % len(BODY)


@pytest.fixture
def web() -> Iterator[WebServer]:
    with WebServer() as server:
        yield server


def nobody_listens(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=PATIENCE_S).close()
    except ConnectionError:
        return True
    return False


def test_a_request_under_way_is_answered(web: WebServer) -> None:
    with socket.create_connection(("127.0.0.1", web.port), timeout=PATIENCE_S) as asking:
        asking.sendall(HEAD)
        assert asking.recv(1_024).startswith(b"HTTP/1.1 100")  # a thread has it in its hands
        web.send(signal.SIGTERM)
        wait_for(lambda: nobody_listens(web.port), what="the end of new requests")
        asking.sendall(BODY)
        answer = b"".join(iter(lambda: asking.recv(65_536), b""))
    assert answer.startswith(b"HTTP/1.1 400 ")
    assert b"email_password_mismatch" in answer
    assert web.ended() == 0
