"""What all sockets share: who may come in, how much they may say, how they are sent away."""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections.abc import Awaitable, Callable, Coroutine, MutableMapping
from typing import Any, ClassVar, ParamSpec, TypeAlias, TypeVar
from urllib.parse import parse_qs

from channels.db import database_sync_to_async
from channels.exceptions import StopConsumer
from channels.utils import await_many_dispatch
from django.conf import settings
from django.db import OperationalError
from django.utils import translation
from django.utils.translation import gettext_lazy as _
from django.utils.translation.trans_real import parse_accept_lang_header

from accounts.models import User
from common.errors import DomainError, Invalid, NotAllowed, NotFound, Unavailable
from dispatch import live
from dispatch.protocol import (
    MAX_BAD_IN_A_ROW,
    MAX_FRAME_BYTES,
    BadMessage,
    CloseCode,
    Command,
    Decoder,
    ErrorCode,
    Ping,
    Pong,
    TokenBucket,
    decode_watcher,
)

logger = logging.getLogger(__name__)

P = ParamSpec("P")
T = TypeVar("T")
Event: TypeAlias = MutableMapping[str, Any]
Scope: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[Event]]
Send: TypeAlias = Callable[[Event], Awaitable[None]]


async def in_database(function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Run ``function`` on a thread; not the shared one, so that no socket waits for another."""
    work = database_sync_to_async(function, thread_sensitive=False)
    result: T = await work(*args, **kwargs)
    return result


class Consumer:
    """One socket. Everything that happens to it is handled in turn, never two things at once.

    Written without Channels' own consumer, whose dispatch visits a thread for every message.
    """

    decode: ClassVar[Decoder] = decode_watcher
    tick_s: ClassVar[float] = 10.0
    public: ClassVar[bool] = False

    def __init__(self, scope: Scope, send: Send, inbox: live.Inbox) -> None:
        self.scope = scope
        self.inbox = inbox
        self._send = send
        self._bucket = TokenBucket(now=time.monotonic())
        self._bad_in_a_row = 0

    @classmethod
    def as_asgi(cls) -> Any:
        async def application(scope: Scope, receive: Receive, send: Send) -> None:
            await cls(scope, send, await live.Inbox.open()).run(receive)

        return application

    async def run(self, receive: Receive) -> None:
        """Live until either side ends it; a lost channel layer tells the client to come again."""
        try:
            await await_many_dispatch([receive, self.inbox.next, self._tick], self._handle)
        except StopConsumer:
            return
        except live.LAYER_LOST as error:
            logger.warning("a socket lost the channel layer: %r", error)
            await self._close(CloseCode.RESTART)
        finally:
            await self.inbox.close()

    async def _tick(self) -> Event:
        # Spread, so that sockets opened together do not read the database together for ever.
        await asyncio.sleep(self.tick_s * random.uniform(0.8, 1.2))  # noqa: S311
        return {"type": "tick"}

    async def _handle(self, event: Event) -> None:
        match event["type"]:
            case "websocket.receive":
                await self._received(event)
            case "stream.message":
                await self._kept(self.heard(event["message"]))
            case "position.message":
                await self.position(event["message"])
            case "tick":
                await self._kept(self.checked())
            case "websocket.connect":
                await self._connected()
            case "socket.end":
                await self.end(CloseCode(event["code"]))
            case _:
                raise StopConsumer

    # --- Coming in ---
    @property
    def user(self) -> User:
        """Raises NotAllowed ``not_authenticated``."""
        user = self.scope["user"]
        if not isinstance(user, User):
            raise NotAllowed(ErrorCode.NOT_AUTHENTICATED, _("Please log in again."))
        return user

    @property
    def route(self) -> dict[str, Any]:
        found: dict[str, Any] = self.scope["url_route"]["kwargs"]
        return found

    def query(self, name: str) -> str:
        """The last value of a query parameter; empty when it is not there."""
        raw: bytes = self.scope.get("query_string", b"")
        return parse_qs(raw.decode("latin-1")).get(name, [""])[-1]

    async def _connected(self) -> None:
        # Accepted first: a browser never sees the close code of a refused handshake.
        await self._raw({"type": "websocket.accept"})
        translation.activate(preferred_language(self.scope))
        try:
            if not self.public:
                await self.inbox.join(live.user_group(self.user.pk))
            await self.opened()
        except DomainError as refusal:
            await self.send_away(refusal)
        except OperationalError as error:
            logger.warning("a socket could not be opened: %r", error)
            await self.end(CloseCode.RESTART)

    async def _kept(self, step: Coroutine[Any, Any, None]) -> None:
        """Go on after a step, unless it finds that the client may not stay."""
        try:
            await step
        except DomainError as refusal:
            await self.send_away(refusal)
        except OperationalError as error:
            # Nothing is lost: what was to be read now is still unread at the next tick.
            logger.warning("a socket could not read the database: %r", error)

    # --- Being spoken to ---
    async def _received(self, event: Event) -> None:
        text = event.get("text")
        # Half a surrogate passes here, so that the decoder refuses it like any bad JSON.
        raw = event.get("bytes") or b"" if text is None else text.encode("utf-8", "surrogatepass")
        if len(raw) >= MAX_FRAME_BYTES:
            await self.end(CloseCode.TOO_BIG)
        await self.spend()
        try:
            command = self.decode(raw) if text is not None else refuse_binary()
        except BadMessage as bad:
            await self._misunderstood(bad)
        else:
            self._bad_in_a_row = 0
            await self._answered(command)

    async def spend(self, cost: float = 1.0) -> None:
        """Count what the client says against its allowance."""
        if not self._bucket.take(time.monotonic(), cost):
            await self.end(CloseCode.FLOOD)

    async def _misunderstood(self, bad: BadMessage) -> None:
        await self.say(live.misunderstood(bad))
        self._bad_in_a_row += 1
        if self._bad_in_a_row >= MAX_BAD_IN_A_ROW:
            await self.end(CloseCode.BAD_PROTOCOL)

    async def _answered(self, command: Command) -> None:
        try:
            await self.answer(command)
        except DomainError as refusal:
            await self.say(live.failure(refusal, command))
        except OperationalError as error:
            logger.warning("%s could not be answered: %r", command.name, error)
            await self.say(live.failure(Unavailable(), command))

    # --- Speaking ---
    async def say(self, message: Any) -> None:
        await self._raw({"type": "websocket.send", "text": live.to_text(message)})

    async def end(self, code: CloseCode) -> None:
        """Close the socket and stop. Raises StopConsumer."""
        await self._close(code)
        raise StopConsumer

    async def send_away(self, refusal: DomainError) -> None:
        """Say why, then close. Raises StopConsumer."""
        await self.say(live.failure(refusal))
        await self.end(close_code(refusal))

    async def _close(self, code: CloseCode) -> None:
        await self._raw({"type": "websocket.close", "code": int(code)})

    async def _raw(self, event: Event) -> None:
        try:
            await self._send(event)
        except OSError as gone:
            raise StopConsumer from gone

    # --- What each kind of socket fills in ---
    async def opened(self) -> None:
        """Let the client in, or raise a DomainError that sends it away."""

    async def checked(self) -> None:
        """From time to time: may it still go on, and has it missed something?"""

    async def heard(self, message: dict[str, Any]) -> None:
        """A numbered message came through the channel layer."""

    async def position(self, message: dict[str, Any]) -> None:
        """A runner's position came through the channel layer."""

    async def answer(self, command: Command) -> None:
        if isinstance(command, Ping):
            await self.say(Pong(id=command.id))


class LostConsumer(Consumer):
    """Any other address: closed as a thing that is not there, instead of a traceback in the log."""

    public: ClassVar[bool] = True

    async def opened(self) -> None:
        raise NotFound


def refuse_binary() -> Command:
    raise BadMessage(ErrorCode.BINARY)


def close_code(refusal: DomainError) -> CloseCode:
    if refusal.code == ErrorCode.NOT_AUTHENTICATED:
        return CloseCode.NOT_AUTHENTICATED
    for kind, code in (
        (NotFound, CloseCode.NOT_FOUND),
        (NotAllowed, CloseCode.NOT_ALLOWED),
        (Invalid, CloseCode.BAD_PROTOCOL),
    ):
        if isinstance(refusal, kind):
            return code
    return CloseCode.RESTART


def preferred_language(scope: Scope) -> str:
    """The first language of the handshake's Accept-Language that we speak."""
    header = dict(scope.get("headers", [])).get(b"accept-language", b"").decode("latin-1")
    for code, _weight in parse_accept_lang_header(header):
        try:
            found: str = translation.get_supported_language_variant(code)
        except LookupError:
            continue
        return found
    return settings.LANGUAGE_CODE
