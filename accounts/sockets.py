"""Who opens a WebSocket: a bearer token, a one-time ticket, or a session from our own pages."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from importlib import import_module
from typing import Any, Literal
from urllib.parse import parse_qs, urlsplit

from channels.auth import get_user
from channels.db import database_sync_to_async
from django.conf import settings
from django.contrib.auth.models import AnonymousUser
from django.db import OperationalError
from django.http import parse_cookie
from django.utils.http import is_same_domain
from redis.exceptions import RedisError
from rest_framework.exceptions import AuthenticationFailed

from accounts.adapter import bearer
from accounts.models import User
from accounts.tickets import redeem_async
from common.addresses import page_host

NOT_AUTHENTICATED = 4401
WRONG_ORIGIN = 4403
TRY_AGAIN = 1012

Scope = dict[str, Any]
Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]
Means = Literal["bearer", "ticket", "cookie", "none"]
Found = tuple[User | AnonymousUser, Means]


class Refused(Exception):
    """This socket must be closed with ``code``."""

    def __init__(self, code: int) -> None:
        self.code = code
        super().__init__(str(code))


class SocketAuthentication:
    """ASGI middleware that sets ``scope["user"]`` and ``scope["auth"]``, or closes the socket.

    ``auth`` is ``bearer``, ``ticket``, ``cookie`` or ``none``; with ``none`` the user is
    anonymous and the consumer decides. A bad token or ticket closes with 4401, an Origin that
    is not ours with 4403; 1012 means that we could not look.
    """

    def __init__(self, application: Application) -> None:
        self.application = application

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            user, means = await identify(scope)
        except Refused as refusal:
            await close(receive, send, refusal.code)
            return
        except (RedisError, OperationalError):
            await close(receive, send, TRY_AGAIN)  # whoever asks may well be who they say
            return
        await self.application({**scope, "user": user, "auth": means}, receive, send)


async def close(receive: Receive, send: Send, code: int) -> None:
    """Accept, then close: a browser shows the code of an accepted socket only."""
    await receive()
    await send({"type": "websocket.accept"})
    await send({"type": "websocket.close", "code": code})


async def identify(scope: Scope) -> Found:
    """Return who opens the socket, and by what means.

    Raises:
        Refused: 4401 or 4403.
    """
    headers = {
        name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]
    }
    origin = headers.get("origin")
    if origin is not None and not is_our_origin(origin, headers, scope):
        raise Refused(WRONG_ORIGIN)
    scheme, _space, token = headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        return await _bearer(token.strip()), "bearer"
    ticket = parse_qs(scope.get("query_string", b"").decode("latin-1")).get("ticket")
    if ticket:
        return await _ticket_holder(ticket[-1]), "ticket"
    session_key = parse_cookie(headers.get("cookie", "")).get(settings.SESSION_COOKIE_NAME)
    if session_key:
        return await _session_owner(session_key, origin)
    return AnonymousUser(), "none"


def is_our_origin(origin: str, headers: Mapping[str, str], scope: Scope) -> bool:
    """Tell whether a page of ``origin`` may open sockets: ours, or a trusted one."""
    proxy_header, proxy_value = settings.SECURE_PROXY_SSL_HEADER
    proxied = headers.get(proxy_header.removeprefix("HTTP_").replace("_", "-").lower())
    secure = scope.get("scheme") == "wss" or proxied == proxy_value
    own = f"{'https' if secure else 'http'}://{page_host(headers.get('host', ''))}"
    return origin.lower() == own.lower() or any(
        _is_trusted(origin, trusted) for trusted in settings.CSRF_TRUSTED_ORIGINS
    )


def _is_trusted(origin: str, trusted: str) -> bool:
    if "*" not in trusted:
        return origin.lower() == trusted.lower()
    scheme, _separator, pattern = trusted.lower().partition("://")
    try:
        found = urlsplit(origin.lower())
    except ValueError:
        return False
    return found.scheme == scheme and is_same_domain(found.netloc, pattern.lstrip("*"))


async def _bearer(token: str) -> User:
    try:
        user: User = await database_sync_to_async(bearer)(token)
    except AuthenticationFailed as error:
        raise Refused(NOT_AUTHENTICATED) from error
    return user


async def _ticket_holder(ticket: str) -> User:
    user_id = await redeem_async(ticket)
    if user_id is None:
        raise Refused(NOT_AUTHENTICATED)
    holder = User.objects.filter(pk=user_id, is_active=True)
    user: User | None = await database_sync_to_async(holder.first)()
    if user is None:
        raise Refused(NOT_AUTHENTICATED)
    return user


async def _session_owner(session_key: str, origin: str | None) -> Found:
    # A browser sends the cookie by itself, whatever page asks; only the Origin tells which.
    if origin is None:
        raise Refused(WRONG_ORIGIN)
    session = import_module(settings.SESSION_ENGINE).SessionStore(session_key)
    user = await get_user({"session": session})
    return user, "cookie" if user.is_authenticated else "none"
