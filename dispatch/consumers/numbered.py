"""A stream of numbered messages: none is lost and none is doubled, whatever the way they took."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self

from django.utils.translation import gettext_lazy as _

from common.db import in_database
from common.errors import Invalid
from dispatch import live
from dispatch.consumers.base import Consumer
from dispatch.protocol import MAX_GAP, MAX_SEQUENCE, RESUME_COST, Command, Resume


class NumberedConsumer(Consumer):
    """The groups are joined before the database is read; what both bring is told by its number."""

    last = 0

    def groups(self) -> list[str]:
        """The groups that carry this stream."""
        raise NotImplementedError

    def standing(self) -> int:
        """Return the number of the latest message, or raise a DomainError: no more access."""
        raise NotImplementedError

    def missed(self, after: int) -> list[dict[str, Any]]:
        """Read what follows ``after``, at most MAX_GAP + 1 messages, in order."""
        raise NotImplementedError

    def hello(self, *, sequence: int, reset: bool) -> Any:
        """Describe the present."""
        raise NotImplementedError

    async def greeted(self) -> None:
        """The client knows the present and its numbers; what has none may follow."""

    async def joined(self) -> None:
        """Hear what is said from now on; again, to repair what Redis forgot."""
        await self.inbox.join(*self.inbox.joined, *self.groups())

    async def opened(self) -> None:
        await in_database(self.standing)  # a stranger joins no group
        await self.joined()
        await self._send_gap(wanted_after(self.query("after")), greet=True)

    async def checked(self) -> None:
        await self.joined()
        await self.catch_up()

    @classmethod
    def standings(cls, sockets: Sequence[Self]) -> dict[NumberedConsumer, Any]:
        """Read for many how they stand, as :meth:`standing` does; who is left out may not stay."""
        raise NotImplementedError

    def is_level(self, standing: Any) -> bool:
        """Tell whether the client knows what there is to know."""
        return bool(standing == self.last)

    @classmethod
    async def behind(cls, sockets: Sequence[Self]) -> list[Self]:
        groups = {group for each in sockets for group in each.inbox.joined}
        forgotten = await live.groups_here().forgotten(groups)
        standings = await in_database(cls.standings, sockets)
        level = {each for each, standing in standings.items() if each.is_level(standing)}
        return [
            each
            for each in sockets
            if each not in level or not forgotten.isdisjoint(each.inbox.joined)
        ]

    async def answer(self, command: Command) -> None:
        if isinstance(command, Resume):
            await self.spend(RESUME_COST - 1)
            await self._send_gap(command.after, greet=True)
        else:
            await super().answer(command)

    async def heard(self, message: dict[str, Any]) -> None:
        number = message["sequence"]
        if number > self.last + 1:
            await self.catch_up()
        # Asked again: the gap just read may have held this message too.
        if number > self.last:
            await self.pass_on(message)

    async def catch_up(self) -> None:
        """Send what the channel layer lost, if anything; start over when it is too much."""
        await self._send_gap(self.last, greet=False)

    async def pass_on(self, message: dict[str, Any]) -> None:
        self.last = message["sequence"]
        await self.say(self.shaped(message))

    def shaped(self, message: dict[str, Any]) -> Any:
        """The message as this kind of client may see it."""
        return message

    async def _send_gap(self, after: int | None, *, greet: bool) -> None:
        hello, missed = await in_database(self._read, after, greet)
        # The hello is first and names the newest number: what follows it is how we got there.
        if hello is not None:
            self.last = hello.sequence
            await self.say(hello)
        for message in missed:
            await self.pass_on(message)
        if hello is not None:
            await self.greeted()

    def _read(self, after: int | None, greet: bool) -> tuple[Any, list[dict[str, Any]]]:
        sequence = self.standing()
        missed = [] if after is None or after > sequence else self.missed(after)
        if after is None or is_whole(missed, after=after, sequence=sequence):
            return self.hello(sequence=sequence, reset=False) if greet else None, missed
        return self.hello(sequence=sequence, reset=True), []


def is_whole(missed: list[dict[str, Any]], *, after: int, sequence: int) -> bool:
    """Tell whether ``missed`` is the whole gap: nothing deleted meanwhile, and not too much."""
    if not missed:
        return after == sequence
    return missed[0]["sequence"] == after + 1 and len(missed) <= MAX_GAP


def wanted_after(text: str) -> int | None:
    """Read ``?after=``: the number of a message, or nothing."""
    if not text:
        return None
    if not (text.isascii() and text.isdecimal() and len(text) <= len(str(MAX_SEQUENCE))):
        raise Invalid("invalid", _("“after” must be the number of a message."), field="after")
    return int(text)
