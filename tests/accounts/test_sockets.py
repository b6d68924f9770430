"""Every way to open a WebSocket, and every way to be refused."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from channels.db import database_sync_to_async
from channels.testing import WebsocketCommunicator
from django.db import connections
from django.test import Client
from pytest_django import Settings

from accounts import services, tickets
from accounts.models import User
from accounts.sockets import Receive, Scope, Send, SocketAuthentication
from common import clock
from common.redis import client as redis_client
from tests.accounts.conftest import log_in, verified
from tests.accounts.test_tickets import let_pass

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
async def closed_connections() -> AsyncIterator[None]:
    """Close what the loop's thread opened: channels.testing switches the usual clean-up off."""
    yield
    await sync_to_async(connections.close_all)()


PATIENCE_S = 10  # a second is not enough beside other tests
OURS = {"Host": "balrottuieo.example", "Origin": "http://balrottuieo.example"}


async def echo(scope: Scope, receive: Receive, send: Send) -> None:
    """Accept, and say who was seen."""
    await receive()
    await send({"type": "websocket.accept"})
    seen = {"user": str(scope["user"].pk), "auth": scope["auth"]}
    await send({"type": "websocket.send", "text": json.dumps(seen)})


def socket(path: str = "/ws/", **headers: str) -> WebsocketCommunicator:
    raw = [(name.lower().encode(), value.encode()) for name, value in headers.items()]
    return WebsocketCommunicator(SocketAuthentication(echo), path, headers=raw)


async def seen(path: str = "/ws/", **headers: str) -> dict[str, Any]:
    communicator = socket(path, **headers)
    connected, _protocol = await communicator.connect(PATIENCE_S)
    assert connected
    return dict(json.loads(await communicator.receive_from(PATIENCE_S)))


async def refused(path: str = "/ws/", **headers: str) -> int:
    """The close code, which a browser sees only since the socket is accepted first."""
    communicator = socket(path, **headers)
    connected, _protocol = await communicator.connect(PATIENCE_S)
    assert connected
    closed = await communicator.receive_output(PATIENCE_S)
    assert closed["type"] == "websocket.close"
    return int(closed["code"])


def cookie_of(user: User) -> str:
    client = Client()
    client.force_login(user)
    return f"theme=dark; sessionid={client.cookies['sessionid'].value}"


def bearer_for(user: User) -> str:
    return f"Bearer {log_in(verified(user)).access}"


bearer_of = database_sync_to_async(bearer_for)
cookie_for = database_sync_to_async(cookie_of)
issue = database_sync_to_async(tickets.issue)


async def test_nobody_is_anonymous() -> None:
    assert await seen() == {"user": "None", "auth": "none"}


async def test_a_bearer_token_needs_no_origin(alice: User) -> None:
    found = await seen(Authorization=await bearer_of(alice))
    assert found == {"user": str(alice.pk), "auth": "bearer"}


@pytest.mark.parametrize("header", ["Bearer", "Bearer nonsense", "bearer a.b.c", "Bearer é"])
async def test_a_bad_bearer_token_is_4401(header: str) -> None:
    assert await refused(Authorization=header) == 4401


async def test_a_banned_users_token_is_4401(alice: User, dana: User) -> None:
    bearer = await bearer_of(alice)
    now = clock.now()
    await database_sync_to_async(services.user_ban)(user=alice, by=dana, reason="x", now=now)
    assert await refused(Authorization=bearer) == 4401


async def test_a_deleted_users_token_is_4401(alice: User) -> None:
    bearer = await bearer_of(alice)
    await database_sync_to_async(alice.delete)()
    assert await refused(Authorization=bearer) == 4401


async def test_a_ticket_that_cannot_be_looked_at_is_1012(settings: Settings) -> None:
    settings.REDIS_URL = "redis://127.0.0.1:1/0"  # nobody listens there
    assert await refused(path="/ws/?ticket=any") == 1012


async def test_a_ticket_opens_one_socket(alice: User) -> None:
    ticket = await issue(alice.pk)
    found = await seen(f"/ws/?ticket={ticket}&after=3")
    assert found == {"user": str(alice.pk), "auth": "ticket"}
    assert await refused(f"/ws/?ticket={ticket}") == 4401


async def test_an_expired_ticket_is_4401(alice: User) -> None:
    ticket = await issue(alice.pk)
    (key,) = redis_client().scan_iter("ws-ticket:*")
    let_pass(key)
    assert await refused(f"/ws/?ticket={ticket}") == 4401


@pytest.mark.parametrize("ticket", ["x", "%00", "%C3%A9", "a" * 5000])
async def test_a_made_up_ticket_is_4401(ticket: str) -> None:
    assert await refused(f"/ws/?ticket={ticket}") == 4401


async def test_a_banned_users_ticket_is_4401(alice: User, dana: User) -> None:
    ticket = await issue(alice.pk)
    now = clock.now()
    await database_sync_to_async(services.user_ban)(user=alice, by=dana, reason="x", now=now)
    assert await refused(f"/ws/?ticket={ticket}") == 4401


async def test_a_session_cookie_from_our_own_page(alice: User) -> None:
    found = await seen(Cookie=await cookie_for(alice), **OURS)
    assert found == {"user": str(alice.pk), "auth": "cookie"}


async def test_behind_a_proxy_our_own_page_is_https(alice: User) -> None:
    headers = {
        "Cookie": await cookie_for(alice),
        "Host": "balrottuieo.example",
        "X-Forwarded-Proto": "https",
    }
    found = await seen(Origin="https://balrottuieo.example", **headers)
    assert found["auth"] == "cookie"
    assert await refused(Origin="http://balrottuieo.example", **headers) == 4403


@pytest.mark.parametrize(
    "origin",
    [
        "http://evil.example",
        "https://balrottuieo.example",
        "http://balrottuieo.example.evil.example",
        "http://balrottuieo.example:81",
        "null",
        "",
        "http://[",
    ],
)
async def test_a_cookie_from_another_page_is_4403(alice: User, origin: str) -> None:
    headers = {"Cookie": await cookie_for(alice), "Host": "balrottuieo.example"}
    assert await refused(Origin=origin, **headers) == 4403


@pytest.mark.parametrize(
    ("host", "origin", "welcome"),
    [
        ("balrottuieo.example:8001", "http://balrottuieo.example:8000", True),
        ("127.0.0.1:8001", "http://127.0.0.1:8000", True),
        ("[::1]:8001", "http://[::1]:8000", True),
        ("balrottuieo.example:8001", "http://balrottuieo.example:8001", False),
        ("balrottuieo.example:8001", "http://balrottuieo.example:9000", False),
        ("balrottuieo.example:8001", "http://evil.example:8000", False),
        ("balrottuieo.example:x", "http://balrottuieo.example:8000", False),
    ],
)
async def test_pages_on_another_port_than_the_sockets(
    settings: Settings, alice: User, host: str, origin: str, welcome: bool
) -> None:
    settings.SOCKETS_PORT, settings.PUBLIC_URL = 8001, "http://localhost:8000"
    headers = {"Cookie": await cookie_for(alice), "Host": host, "Origin": origin}
    if welcome:
        assert (await seen(**headers))["auth"] == "cookie"
    else:
        assert await refused(**headers) == 4403


async def test_a_cookie_without_an_origin_is_4403(alice: User) -> None:
    assert await refused(Cookie=await cookie_for(alice), Host="balrottuieo.example") == 4403


async def test_a_wrong_origin_uses_up_no_ticket_and_opens_nothing(alice: User) -> None:
    ticket = await issue(alice.pk)
    path = f"/ws/?ticket={ticket}"
    assert await refused(path, Origin="http://evil.example", Host="balrottuieo.example") == 4403
    assert (await seen(path, **OURS))["auth"] == "ticket"


@pytest.mark.parametrize(
    ("trusted", "origin", "welcome"),
    [
        ("https://app.example", "https://app.example", True),
        ("https://app.example", "http://app.example", False),
        ("https://app.example", "https://sub.app.example", False),
        ("https://*.app.example", "https://sub.app.example", True),
        ("https://*.app.example", "https://evilapp.example", False),
        ("https://*.app.example", "http://sub.app.example", False),
        ("https://*.app.example", "https://[", False),
    ],
)
async def test_trusted_origins(
    settings: Settings, alice: User, trusted: str, origin: str, welcome: bool
) -> None:
    settings.CSRF_TRUSTED_ORIGINS = [trusted]
    path = f"/ws/?ticket={await issue(alice.pk)}"
    if welcome:
        assert (await seen(path, Origin=origin))["auth"] == "ticket"
    else:
        assert await refused(path, Origin=origin) == 4403


@pytest.mark.parametrize("cookie", ["sessionid=made-up", "sessionid=", "=;;", "other=1"])
async def test_a_cookie_that_is_no_session_is_anonymous(cookie: str) -> None:
    assert await seen(Cookie=cookie, **OURS) == {"user": "None", "auth": "none"}


async def test_a_banned_users_cookie_is_anonymous(alice: User, dana: User) -> None:
    cookie = await cookie_for(alice)
    now = clock.now()
    await database_sync_to_async(services.user_ban)(user=alice, by=dana, reason="x", now=now)
    assert await seen(Cookie=cookie, **OURS) == {"user": "None", "auth": "none"}


async def test_a_token_goes_before_a_cookie(alice: User, charlie: User) -> None:
    bearer = await bearer_of(alice)
    found = await seen(Authorization=bearer, Cookie=await cookie_for(charlie), **OURS)
    assert found == {"user": str(alice.pk), "auth": "bearer"}
