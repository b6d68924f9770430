"""What may be said over a socket, in both directions; ``docs/asyncapi.yaml`` is its prose.

No Django here: shapes, limits and codes. Degrees, metres, metres per second, seconds, RFC 3339.
"""

from __future__ import annotations

from collections.abc import Container
from datetime import datetime
from enum import IntEnum, StrEnum
from typing import Annotated, Any
from uuid import UUID

import msgspec
from msgspec import Meta, Struct

from common.geo import SERVICE_BOX

MAX_FRAME_BYTES = 32 * 1024  # a frame this long, or longer, is not read
MESSAGES_PER_SECOND = 20.0
BURST = 40.0
RESUME_COST = 10.0  # one resume may read 500 rows, so it weighs as much as ten messages
MAX_BAD_IN_A_ROW = 10
MAX_POINTS = 100
MAX_PATH = 100
MAX_GAP = 500  # messages missed; after a larger gap the client starts over
MAX_SEQUENCE = 2**31 - 1
MAX_UNREAD_S = 5.0  # the web server waits so long for room to send more
# Our web server's extensions of ASGI's scope. A function that takes a text and returns whether it
# could be written without waiting; else it has to be sent.
WRITE_NOW = "balrottuieo.write_now"
# A function that takes a function: it is given each text, as bytes that need not be UTF-8, before
# it is received, and returns whether it took it. Those before have been received then.
READ_NOW = "balrottuieo.read_now"


class CloseCode(IntEnum):
    """Why the server ended the conversation. 1009, 1012 and 4408 come from the web server."""

    RESTART = 1012
    BAD_PROTOCOL = 4400
    NOT_AUTHENTICATED = 4401
    NOT_ALLOWED = 4403
    NOT_FOUND = 4404
    TOO_SLOW = 4408
    TOO_BIG = 4413
    FLOOD = 4429


class ErrorCode(StrEnum):
    """Codes of ``error`` messages about the conversation; services add their own."""

    BAD_JSON = "bad_json"
    BINARY = "binary_not_allowed"
    UNKNOWN_TYPE = "unknown_type"
    INVALID = "invalid"
    NOT_AUTHENTICATED = "not_authenticated"
    UNAVAILABLE = "unavailable"


class BadMessage(Exception):
    """A client's message that can't be understood; ``reason`` is for the app's developer."""

    def __init__(
        self, code: ErrorCode, reason: str = "", *, about: str | None = None,
        command_id: str | None = None,
    ) -> None:  # fmt: skip
        self.code = code
        self.reason = reason
        self.about = about
        self.command_id = command_id
        super().__init__(code)


class TokenBucket:
    """Let ``rate`` messages a second through, and a burst of ``burst`` after a pause."""

    __slots__ = ("_at", "_burst", "_left", "_rate")

    def __init__(
        self, *, now: float, rate: float = MESSAGES_PER_SECOND, burst: float = BURST
    ) -> None:
        self._rate, self._burst = rate, burst
        self._left, self._at = burst, now

    def take(self, now: float, cost: float = 1.0) -> bool:
        """Take ``cost`` tokens; ``now`` in seconds of a clock that only moves forward."""
        left = min(self._burst, self._left + (now - self._at) * self._rate)
        self._at = now
        self._left = left if left < cost else left - cost
        return left >= cost


# --- What clients say ----------------------------------------------------------------------
Lat = Annotated[float, Meta(ge=SERVICE_BOX.south, le=SERVICE_BOX.north)]
Lng = Annotated[float, Meta(ge=SERVICE_BOX.west, le=SERVICE_BOX.east)]
CommandId = Annotated[str, Meta(min_length=1, max_length=64)]


class Position(Struct, frozen=True, forbid_unknown_fields=True):
    """Degrees, inside the service area."""

    lat: Lat
    lng: Lng


class ReportedPoint(Struct, frozen=True, forbid_unknown_fields=True):
    """One reading of a phone's positioning; accuracy in metres, heading clockwise from north.

    A reading outside the service area is refused by itself (``policy``), not with its batch.
    """

    lat: Annotated[float, Meta(ge=-90, le=90)]
    lng: Annotated[float, Meta(ge=-180, le=180)]
    accuracy: Annotated[float, Meta(ge=0, le=100_000)]
    recorded_at: Annotated[datetime, Meta(tz=True)]
    speed: Annotated[float, Meta(ge=0, le=1_000)] | None = None
    heading: Annotated[float, Meta(ge=0, le=360)] | None = None


class Command(Struct, frozen=True, forbid_unknown_fields=True, tag_field="type"):
    """Anything a client may ask for. ``id`` is the client's own; the answer repeats it."""

    id: CommandId | None = None

    @property
    def name(self) -> str:
        return str(self.__struct_config__.tag)


class Ping(Command, frozen=True, tag="ping"):
    """Are you there?"""


class Resume(Command, frozen=True, tag="resume", kw_only=True):
    """Send again whatever followed number ``after``."""

    after: Annotated[int, Meta(ge=0, le=MAX_SEQUENCE)]


class DutyStart(Command, frozen=True, tag="duty.start", kw_only=True):
    position: Position


class DutyEnd(Command, frozen=True, tag="duty.end"):
    pass


class Positions(Command, frozen=True, tag="positions", kw_only=True):
    """``sent_at`` is the phone's own clock, the one of ``recorded_at``."""

    points: Annotated[list[ReportedPoint], Meta(min_length=1, max_length=MAX_POINTS)]
    sent_at: Annotated[datetime, Meta(tz=True)] | None = None


class OfferAccept(Command, frozen=True, tag="offer.accept", kw_only=True):
    offer_id: UUID


class OfferDecline(Command, frozen=True, tag="offer.decline", kw_only=True):
    offer_id: UUID


class _Envelope(Struct):
    type: str
    id: Any = None


_envelopes = msgspec.json.Decoder(_Envelope)
# One for all sockets; each `Decoder` then refuses what is not for its own.
_commands: msgspec.json.Decoder[Command] = msgspec.json.Decoder(
    Ping | Resume | DutyStart | DutyEnd | Positions | OfferAccept | OfferDecline
)


class Decoder:
    """What one kind of socket understands."""

    def __init__(self, *commands: type[Command]) -> None:
        self._kinds = frozenset(commands)
        self.commands = {str(command.__struct_config__.tag): command for command in commands}

    def __call__(self, raw: bytes) -> Command:
        """Raises BadMessage."""
        try:
            command = _commands.decode(raw)
        except (msgspec.DecodeError, RecursionError) as error:
            raise _explained(raw, error, self.commands) from error
        if type(command) not in self._kinds:
            raise BadMessage(ErrorCode.UNKNOWN_TYPE, about=command.name, command_id=command.id)
        return command


def _explained(raw: bytes, error: Exception, known: Container[str]) -> BadMessage:
    """Find out what was wrong: the good path never pays for this."""
    try:
        envelope = _envelopes.decode(raw)
    except msgspec.ValidationError as shape:
        return BadMessage(ErrorCode.INVALID, str(shape))
    except (msgspec.DecodeError, RecursionError) as syntax:
        return BadMessage(ErrorCode.BAD_JSON, str(syntax))
    about = envelope.type[:64]
    command_id = envelope.id[:64] if isinstance(envelope.id, str) else None
    if envelope.type not in known:
        return BadMessage(ErrorCode.UNKNOWN_TYPE, about=about, command_id=command_id)
    return BadMessage(ErrorCode.INVALID, str(error), about=about, command_id=command_id)


decode_runner = Decoder(Ping, Resume, DutyStart, DutyEnd, Positions, OfferAccept, OfferDecline)
decode_watcher = Decoder(Ping, Resume)
decode_map = Decoder(Ping)


# --- What the server says ------------------------------------------------------------------
class Message(Struct, frozen=True, kw_only=True, omit_defaults=True, tag_field="type"):
    """Anything the server says; ``live`` builds them."""


class Carried(Struct, frozen=True, kw_only=True):
    """An errand the runner carries now, and the number of its last event."""

    errand_id: UUID
    state: str
    errand_sequence: int


class RunnerHello(Message, frozen=True, tag="hello"):
    """The present state; with ``reset`` the gap was too large and will not be sent."""

    sequence: int
    on_duty: bool
    corridor: dict[str, Any] | None
    offers: list[dict[str, Any]]
    errands: list[Carried]
    reset: bool


class ErrandHello(Message, frozen=True, tag="hello"):
    sequence: int
    state: str
    reset: bool


class MapHello(Message, frozen=True, tag="hello"):
    every_s: float


class Ack(Message, frozen=True, tag="ack"):
    """What was asked for is done; of a bundle all ``errand_ids`` are, but for those ``gone``."""

    about: str = msgspec.field(name="for")
    id: str | None = None
    offer_id: UUID | None = None
    errand_id: UUID | None = None
    errand_ids: list[UUID] = []
    gone: list[UUID] = []
    on_duty: bool | None = None


class PositionsAck(Message, frozen=True, tag="positions.ack"):
    """How many points were kept, and how many refused for which reason."""

    kept: int
    refused: dict[str, int]
    id: str | None = None


class ErrorMessage(Message, frozen=True, tag="error"):
    code: str
    detail: str
    about: str | None = msgspec.field(name="for", default=None)
    id: str | None = None


class Pong(Message, frozen=True, tag="pong"):
    id: str | None = None


class EventMessage(Message, frozen=True, tag="errand.event"):
    """One move of an errand, to those who may know all of it."""

    sequence: int
    move: str
    from_state: str
    to_state: str
    state: str
    role: str
    reason: str
    at: datetime


class PublicEvent(Message, frozen=True, tag="errand.event"):
    """One move of an errand, to whoever holds the tracking link."""

    sequence: int
    to_state: str
    state: str
    at: datetime


class PositionMessage(Message, frozen=True, tag="position"):
    """Where the runner is. Not numbered: the latest wins.

    ``path`` is the way there since the message before, if more than one place is known of it:
    (lat, lng) in order, at most MAX_PATH, the last one where the runner is.
    """

    lat: float
    lng: float
    eta_minutes: float | None
    recorded_at: datetime
    path: list[tuple[float, float]] = []


class Snapshot(Message, frozen=True, tag="snapshot"):
    """Everything on the staff's live map at one moment."""

    runners: list[dict[str, Any]]
    errands: list[dict[str, Any]]
    counts: dict[str, int]
    at: datetime
