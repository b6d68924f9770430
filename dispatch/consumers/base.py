"""What all sockets share: who may come in, how much they may say, how they are sent away."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Coroutine, Iterable, MutableMapping, Sequence
from contextlib import suppress
from typing import Any, ClassVar, Self, TypeAlias
from urllib.parse import parse_qs

from channels.exceptions import StopConsumer
from django.conf import settings
from django.db import OperationalError
from django.utils import translation
from django.utils.translation import gettext_lazy as _
from django.utils.translation.trans_real import parse_accept_lang_header

from accounts.models import User
from common.db import in_database as in_database
from common.errors import DomainError, Invalid, NotAllowed, NotFound, Unavailable
from common.together import PerLoop
from dispatch import live
from dispatch.consumers.roll_call import RollCall
from dispatch.consumers.turn import Turn
from dispatch.protocol import (
    MAX_BAD_IN_A_ROW,
    MAX_FRAME_BYTES,
    READ_NOW,
    WRITE_NOW,
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

Event: TypeAlias = MutableMapping[str, Any]
Scope: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[Event]]
Send: TypeAlias = Callable[[Event], Awaitable[None]]
WriteNow: TypeAlias = Callable[[str], bool]


class Consumer:
    """One socket. Everything that happens to it is handled in turn, never two things at once.

    Written without Channels' own consumer, whose dispatch makes tasks and visits a thread for
    every message.
    """

    decode: ClassVar[Decoder] = decode_watcher
    tick_s: ClassVar[float] = 10.0
    public: ClassVar[bool] = False
    roll_call: ClassVar[PerLoop[RollCall[Any]]]

    def __init__(self, scope: Scope, send: Send, inbox: live.Inbox) -> None:
        self.scope = scope
        self.inbox = inbox
        self._send = send
        self._write_now: WriteNow = scope.get("extensions", {}).get(WRITE_NOW, cannot)
        self._turn = Turn()
        self._over = False
        self._unsaid: Any = None  # an answer that found no room, or a failure
        self._bucket = TokenBucket(now=time.monotonic())
        self._bad_in_a_row = 0

    def __init_subclass__(cls) -> None:
        cls.roll_call = PerLoop(lambda: RollCall(cls))

    @classmethod
    def as_asgi(cls) -> Any:
        async def application(scope: Scope, receive: Receive, send: Send) -> None:
            await cls(scope, send, await live.Inbox.open()).run(receive)

        return application

    async def run(self, receive: Receive) -> None:
        """Live until either side ends it; a lost channel layer tells the client to come again."""
        try:
            async with asyncio.TaskGroup() as both:
                await self._in_turn(self._said, await receive())
                both.create_task(self._listen())
                while True:
                    await self._in_turn(self._said, await receive())
        except* StopConsumer:
            pass
        except* live.LAYER_LOST as lost:
            logger.warning("a socket lost the channel layer: %r", lost.exceptions)
            with suppress(StopConsumer):
                await self._close(CloseCode.RESTART)
        finally:
            self.roll_call().leave(self)
            await self.inbox.close()

    async def _listen(self) -> None:
        while True:
            await self._in_turn(self._told, await self.inbox.next())

    async def _in_turn(self, handle: Callable[[Event], Awaitable[None]], event: Event) -> None:
        async with self._turn:
            if self._over:
                raise StopConsumer
            if self._unsaid is not None:
                unsaid, self._unsaid = self._unsaid, None
                await self.say(unsaid() if callable(unsaid) else unsaid)
            await handle(event)

    async def _said(self, event: Event) -> None:
        """Something came from the client's side."""
        match event["type"]:
            case "websocket.receive":
                await self._received(event)
            case "websocket.connect":
                await self._connected()
            case _:
                raise StopConsumer

    async def _told(self, event: Event) -> None:
        """Something came from ours."""
        match event["type"]:
            case "position.message":
                await self.position(event["text"])
            case "stream.message":
                await self._kept(self.heard(event["message"]))
            case "tick":
                await self._kept(self.checked())
            case "socket.end":
                await self.end(CloseCode(event["code"]))

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
            self.roll_call().enter(self)
            self.scope.get("extensions", {}).get(READ_NOW, cannot)(self._heard_now)
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

    def _heard_now(self, raw: bytes) -> bool:
        """Begin to answer a message at once, without waking this socket's task, if that can be.

        Until :meth:`answered_now` it is the message's turn. Whatever is out of the ordinary is
        not taken, and comes again the usual way.
        """
        if self._over or len(raw) >= MAX_FRAME_BYTES or not self._turn.take_now():
            return False
        begin = self.quick(raw)
        if begin is None or not self._bucket.take(time.monotonic()):
            self._turn.release()
            return False
        self._bad_in_a_row = 0
        begin()
        return True

    def answered_now(self, answer: Any) -> None:
        """End what :meth:`quick` began, with a message or a function that makes it.

        The function is called by the socket's own task, which knows the client's language.
        """
        if callable(answer) or not self._write_now(live.to_text(answer)):
            self._unsaid = answer
            self.inbox.put({"type": "unsaid"})
        self._turn.release()

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
        await self.say_text(live.to_text(message))

    async def say_text(self, text: str) -> None:
        if not self._write_now(text):
            await self._raw({"type": "websocket.send", "text": text})

    def said_at_once(self, text: str) -> bool:
        """Say something out of turn, if nothing else happens to the socket, or waits for it."""
        is_idle = self._turn.is_free and not (self._over or self.inbox.holds_something)
        return is_idle and self._write_now(text)

    async def end(self, code: CloseCode) -> None:
        """Close the socket and stop. Raises StopConsumer."""
        self._over = True
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

    @classmethod
    async def behind(cls, sockets: Sequence[Self]) -> Iterable[Self]:
        """From time to time: those of ``sockets`` that have to be checked one by one."""
        return sockets

    async def checked(self) -> None:
        """May it still go on, and has it missed something?"""

    async def heard(self, message: dict[str, Any]) -> None:
        """A numbered message came through the channel layer."""

    async def position(self, text: str) -> None:
        """A runner's position was published."""

    def quick(self, raw: bytes) -> Callable[[], None] | None:
        """Read a message that needs no waiting; return what does it, to :meth:`answered_now`.

        None for any other message, and for what is none.
        """
        return None

    async def answer(self, command: Command) -> None:
        if isinstance(command, Ping):
            await self.say(Pong(id=command.id))


class LostConsumer(Consumer):
    """Any other address: closed as a thing that is not there, instead of a traceback in the log."""

    public: ClassVar[bool] = True

    async def opened(self) -> None:
        raise NotFound


def cannot(_what: Any) -> bool:
    """For a web server that has no WRITE_NOW, or no READ_NOW."""
    return False


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
