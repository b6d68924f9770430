"""``/ws/runner/``: duty, positions, offers."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Any, ClassVar, Self

from common import clock
from common.db import in_database
from common.errors import DomainError, Unavailable
from common.geo import Point
from dispatch import live, locations, selectors, services
from dispatch.consumers.numbered import NumberedConsumer
from dispatch.models import OfferState
from dispatch.policy import NO_TIME, clock_behind
from dispatch.protocol import (
    Ack,
    BadMessage,
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

logger = logging.getLogger(__name__)


class RunnerConsumer(NumberedConsumer):
    """One runner's phone."""

    decode: ClassVar[Decoder] = decode_runner
    clock_behind = NO_TIME  # how far the phone's clock is, as its quickest batch of positions tells
    track: services.Track

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

    async def opened(self) -> None:
        self.track = services.Track(self.user.pk)
        await super().opened()

    async def joined(self) -> None:
        await super().joined()
        await self.inbox.follow(locations.news_topic(self.user.pk), self.track.hear)

    @classmethod
    def standings(cls, sockets: Sequence[Self]) -> dict[NumberedConsumer, live.RunnerStanding]:
        found = live.runners_standing({each.user.pk for each in sockets})
        return {each: found[each.user.pk] for each in sockets if each.user.pk in found}

    def is_level(self, standing: live.RunnerStanding) -> bool:
        self.track.confirm(standing)
        return standing.last == self.last

    def quick(self, raw: bytes) -> Callable[[], None] | None:
        known = self.track.sure
        if known is None:
            return None
        try:
            command = self.decode(raw)
        except BadMessage:
            return None
        return partial(self._report, known, command) if isinstance(command, Positions) else None

    def _report(self, known: services.Known, command: Positions) -> None:
        now = clock.now()
        self.clock_behind = clock_behind(command.sent_at, now=now, known=self.clock_behind)
        self.track.report_soon(
            known, command.points, now=now, behind=self.clock_behind,
            then=partial(self._reported, command),
        )  # fmt: skip

    def _reported(self, command: Positions, found: services.Report | BaseException) -> None:
        if isinstance(found, services.Report):
            self.answered_now(acknowledged(command, found))
        else:
            refusal = found if isinstance(found, DomainError) else Unavailable()
            logger.warning("positions could not be stored: %r", found)
            self.answered_now(lambda: live.failure(refusal, command))

    async def answer(self, command: Command) -> None:
        answer = ANSWERS.get(type(command))
        if answer is None:
            await super().answer(command)
        else:
            await self.say(await answer(self, command))
            if not isinstance(command, Positions):
                self.track.forget()  # it may just have changed

    async def heard(self, message: dict[str, Any]) -> None:
        self.track.forget()
        await super().heard(message)

    async def duty_start(self, command: DutyStart) -> Ack:
        position = Point(command.position.lat, command.position.lng)
        await in_database(services.duty_on, user=self.user, position=position, now=clock.now())
        return Ack(about=command.name, id=command.id, on_duty=True)

    async def duty_end(self, command: DutyEnd) -> Ack:
        await in_database(services.duty_off, user=self.user, now=clock.now())
        return Ack(about=command.name, id=command.id, on_duty=False)

    async def positions(self, command: Positions) -> PositionsAck:
        now = clock.now()
        self.clock_behind = clock_behind(command.sent_at, now=now, known=self.clock_behind)
        report = await self.track.report(command.points, now=now, behind=self.clock_behind)
        return acknowledged(command, report)

    async def offer_accept(self, command: OfferAccept) -> Ack:
        accepted = await in_database(
            services.offer_accept,
            offer_id=command.offer_id, runner=self.user, now=clock.now(),
        )  # fmt: skip
        return Ack(
            about=command.name, id=command.id, offer_id=command.offer_id,
            errand_id=accepted.errand.pk, errand_ids=accepted.errand_ids, gone=accepted.gone,
        )  # fmt: skip

    async def offer_decline(self, command: OfferDecline) -> Ack:
        await in_database(
            services.offer_decline,
            offer_id=command.offer_id, runner=self.user, now=clock.now(),
        )  # fmt: skip
        return Ack(about=command.name, id=command.id, offer_id=command.offer_id)


def acknowledged(command: Positions, report: services.Report) -> PositionsAck:
    return PositionsAck(kept=report.kept, refused=report.refused, id=command.id)


ANSWERS: dict[type[Command], Callable[[RunnerConsumer, Any], Awaitable[Any]]] = {
    Positions: RunnerConsumer.positions,
    DutyStart: RunnerConsumer.duty_start,
    DutyEnd: RunnerConsumer.duty_end,
    OfferAccept: RunnerConsumer.offer_accept,
    OfferDecline: RunnerConsumer.offer_decline,
}
