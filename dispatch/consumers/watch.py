"""``/ws/errands/{id}/`` and ``/ws/track/{token}/``: following one errand."""

from __future__ import annotations

from typing import Any, ClassVar
from uuid import UUID

from common import clock
from dispatch import live
from dispatch.consumers.base import in_database
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

    async def position(self, message: dict[str, Any]) -> None:
        if self.state in UNDERWAY:
            await self.say(message)


class ErrandConsumer(WatchConsumer):
    """For the requester, the present runner and staff."""

    role: Role

    def found(self) -> Errand:
        errand, self.role = live.errand_watched(self.route["errand_id"], self.user)
        return errand

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

    def shaped(self, message: dict[str, Any]) -> Any:
        return live.public_event(message)
