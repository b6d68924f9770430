"""``/ws/errands/{id}/`` and ``/ws/track/{token}/``: following one errand."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, Self
from uuid import UUID

from common import clock
from common.db import in_database
from dispatch import live
from dispatch.consumers.numbered import NumberedConsumer
from dispatch.live.picture import last_position
from dispatch.protocol import ErrandHello
from errands.models import Errand
from errands.states import UNDERWAY, Role


class WatchConsumer(NumberedConsumer):
    """Events in order, and where the runner is while the errand is underway."""

    errand_id: UUID
    state = ""  # as last told to the client: what follows from it must not overtake it

    def found(self) -> Errand:
        """Return the errand, or raise a DomainError: no more access."""
        raise NotImplementedError

    def groups(self) -> list[str]:
        return [live.errand_group(self.errand_id)]

    def standing(self) -> int:
        self._errand = self.found()
        self.errand_id = self._errand.pk
        return self._errand.version

    def missed(self, after: int) -> list[dict[str, Any]]:
        return live.errand_missed(self.errand_id, after=after)

    async def joined(self) -> None:
        await super().joined()
        await self.inbox.follow(live.position_topic(self.errand_id), self._seen)

    def hello(self, *, sequence: int, reset: bool) -> ErrandHello:
        self.state = self._errand.state
        return ErrandHello(sequence=sequence, state=self.state, reset=reset)

    async def pass_on(self, message: dict[str, Any]) -> None:
        self.state = message["state"]
        await super().pass_on(message)

    async def greeted(self) -> None:
        place = await in_database(last_position, self.errand_id, now=clock.now())
        if place is not None:
            await self.say(place)

    def _seen(self, text: str) -> None:
        """Of a thousand who watch hardly one has to be woken for it."""
        if not (text and self.state in UNDERWAY and self.said_at_once(text)):
            self.inbox.show(text)

    async def position(self, text: str) -> None:
        if self.state in UNDERWAY:
            await self.say_text(text)


class ErrandConsumer(WatchConsumer):
    """For the requester, the present runner and staff."""

    role: Role

    def found(self) -> Errand:
        errand, self.role = live.errand_watched(self.route["errand_id"], self.user)
        return errand

    @classmethod
    def standings(cls, sockets: Sequence[Self]) -> dict[NumberedConsumer, int]:
        errands = live.errands_standing({each.errand_id for each in sockets})
        people = live.present_users({each.user.pk for each in sockets})
        found: dict[NumberedConsumer, int] = {}
        for each in sockets:
            errand, is_staff = errands.get(each.errand_id), people.get(each.user.pk)
            if errand is None or is_staff is None:
                continue
            if live.role_in(errand, each.user.pk, is_staff=is_staff) == each.role:
                found[each] = errand.version
        return found

    async def heard(self, message: dict[str, Any]) -> None:
        # Any move may take the errand from its runner, who then may not know the move either.
        if self.role is Role.RUNNER:
            await self.catch_up()
        else:
            await super().heard(message)


class TrackConsumer(WatchConsumer):
    """For whoever holds the tracking link: nothing about people."""

    public: ClassVar[bool] = True

    def found(self) -> Errand:
        return live.tracked_errand(self.route["token"], now=clock.now())

    @classmethod
    def standings(cls, sockets: Sequence[Self]) -> dict[NumberedConsumer, int]:
        now = clock.now()
        errands = live.errands_standing({each.errand_id for each in sockets})
        return {
            each: errand.version
            for each in sockets
            if (errand := errands.get(each.errand_id)) is not None
            and not live.link_is_over(errand.ended_at, now=now)
        }

    def shaped(self, message: dict[str, Any]) -> Any:
        return live.public_event(message)
