"""``/ws/runner/``: duty, positions, offers."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, ClassVar

from asgiref.sync import ThreadSensitiveContext

from common import clock
from common.geo import Point
from dispatch import live, selectors, services
from dispatch.consumers.base import in_database
from dispatch.consumers.numbered import NumberedConsumer
from dispatch.models import OfferState
from dispatch.policy import NO_TIME, clock_behind
from dispatch.protocol import (
    Ack,
    Command,
    Decoder,
    DutyEnd,
    DutyStart,
    OfferAccept,
    OfferDecline,
    Positions,
    PositionsAck,
    RunnerHello,
    decode_runner,
)


class RunnerConsumer(NumberedConsumer):
    """One runner's phone."""

    decode: ClassVar[Decoder] = decode_runner
    behind = NO_TIME  # how far the phone's clock is, as its quickest batch of positions tells

    def groups(self) -> list[str]:
        return [live.runner_group(self.user.pk)]

    def standing(self) -> int:
        return live.runner_last(self.user)

    def missed(self, after: int) -> list[dict[str, Any]]:
        return live.runner_missed(self.user, after=after)

    def hello(self, *, sequence: int, reset: bool) -> RunnerHello:
        waiting = selectors.offers_of(self.user, state=OfferState.OFFERED)
        offers = [selectors.offer_view(offer) for offer in waiting]
        on_duty, corridor = selectors.duty_standing(self.user, now=clock.now())
        return live.runner_hello(
            self.user, sequence=sequence, reset=reset, on_duty=on_duty, offers=offers,
            corridor=selectors.corridor_view(corridor) if corridor else None,
        )  # fmt: skip

    async def answer(self, command: Command) -> None:
        answers: dict[type[Command], Callable[[Any], Awaitable[Any]]] = {
            DutyStart: self._duty_start,
            DutyEnd: self._duty_end,
            Positions: self._positions,
            OfferAccept: self._offer_accept,
            OfferDecline: self._offer_decline,
        }
        if type(command) in answers:
            await self.say(await answers[type(command)](command))
        else:
            await super().answer(command)

    async def _duty_start(self, command: DutyStart) -> Ack:
        position = Point(command.position.lat, command.position.lng)
        await in_database(services.duty_on, user=self.user, position=position, now=clock.now())
        return Ack(about=command.name, id=command.id, on_duty=True)

    async def _duty_end(self, command: DutyEnd) -> Ack:
        await in_database(services.duty_off, user=self.user, now=clock.now())
        return Ack(about=command.name, id=command.id, on_duty=False)

    async def _positions(self, command: Positions) -> PositionsAck:
        now = clock.now()
        self.behind = clock_behind(command.sent_at, now=now, known=self.behind)
        # A thread of its own, if it needs one: all sockets share the one that is used otherwise,
        # and would wait for each other's trails.
        async with ThreadSensitiveContext():
            report = await services.positions_report(
                user=self.user, points=command.points, now=now, behind=self.behind
            )
        return PositionsAck(kept=report.kept, refused=report.refused, id=command.id)

    async def _offer_accept(self, command: OfferAccept) -> Ack:
        accepted = await in_database(
            services.offer_accept,
            offer_id=command.offer_id, runner=self.user, now=clock.now(),
        )  # fmt: skip
        return Ack(
            about=command.name, id=command.id, offer_id=command.offer_id,
            errand_id=accepted.errand.pk, errand_ids=accepted.errand_ids, gone=accepted.gone,
        )  # fmt: skip

    async def _offer_decline(self, command: OfferDecline) -> Ack:
        await in_database(
            services.offer_decline,
            offer_id=command.offer_id, runner=self.user, now=clock.now(),
        )  # fmt: skip
        return Ack(about=command.name, id=command.id, offer_id=command.offer_id)
