"""What dispatch does when errands, accounts or dispatch itself have news."""

from __future__ import annotations

import math
from datetime import datetime
from typing import Any
from uuid import UUID

from accounts.signals import duty_changed, user_banned
from common import clock
from common.broker.hints import hint
from dispatch import live, locations, services, tasks
from dispatch.protocol import CloseCode
from dispatch.signals import matching_wanted, offers_made
from errands.models import Errand, ErrandEvent
from errands.signals import errand_changed, tip_given
from errands.states import Move, State


def connect() -> None:
    errand_changed.connect(on_errand_changed, dispatch_uid="dispatch")
    tip_given.connect(on_tip_given, dispatch_uid="dispatch")
    duty_changed.connect(on_duty_changed, dispatch_uid="dispatch")
    user_banned.connect(on_user_banned, dispatch_uid="dispatch")
    matching_wanted.connect(on_matching_wanted, dispatch_uid="dispatch")
    offers_made.connect(on_offers_made, dispatch_uid="dispatch")


def on_errand_changed(*, errand_id: UUID, sequence: int, **_news: Any) -> None:
    """Tell who watches and who runs it; ask somebody, or stop asking."""
    event = ErrandEvent.objects.get(errand_id=errand_id, sequence=sequence)
    live.push_errand(errand_id, live.errand_event(event))
    if event.move == Move.DROP and event.actor_id is not None:
        now = clock.now()
        services.offers_settle_drop(errand_id=errand_id, runner_id=event.actor_id, now=now)
    # The present state, not the event's: news may come so late that others have acted on it.
    errand = Errand.objects.get(pk=errand_id)
    if errand.state == State.OPEN:
        _ask(errand.area)
    else:
        services.offers_withdraw(errand_id=errand_id, now=clock.now())
    _tell_runner(event, errand.runner_id)


def _tell_runner(event: ErrandEvent, present: UUID | None) -> None:
    """After a drop whoever gave the errand back: it is on their screen."""
    runner_id = event.actor_id if event.move == Move.DROP else present
    if runner_id is None:
        return
    _say_changed(runner_id, event.errand_id, event.to_state, event.sequence)
    locations.forget_occupation(runner_id)


def on_tip_given(*, errand_id: UUID, **_news: Any) -> None:
    """The errand is over and moves no more, but what the runner sees of it has changed."""
    errand = Errand.objects.get(pk=errand_id)
    if errand.runner_id is not None:
        _say_changed(errand.runner_id, errand_id, errand.state, errand.version)


def _say_changed(runner_id: UUID, errand_id: UUID, state: str, sequence: int) -> None:
    services.message_send(
        runner_id=runner_id,
        kind="errand.changed",
        payload={"errand_id": str(errand_id), "state": state, "errand_sequence": sequence},
    )


def on_duty_changed(*, user_id: UUID, on_duty: bool, **_news: Any) -> None:
    """Staff and strikes end a duty too, so this is where its consequences are."""
    services.message_send(runner_id=user_id, kind="duty.changed", payload={"on_duty": on_duty})
    if not on_duty:
        services.offers_withdraw_from(runner_id=user_id, now=clock.now())
        services.corridor_end(runner_id=user_id)
        locations.forget(user_id)
    else:
        locations.forget_occupation(user_id)


def on_user_banned(*, user_id: UUID, **_news: Any) -> None:
    live.close_user(user_id, CloseCode.NOT_AUTHENTICATED)
    services.offers_withdraw_from(runner_id=user_id, now=clock.now())
    locations.forget(user_id)


def on_matching_wanted(*, area: str, **_news: Any) -> None:
    _ask(area)


def _ask(area: str) -> None:
    for serving in services.areas_to_queue([area]):
        hint(tasks.match_area, area=serving)


def on_offers_made(*, expires_at: datetime, **_news: Any) -> None:
    """The fast path of expiry, one for all of a second; the clock's own sweep is the sure one."""
    second = math.floor(expires_at.timestamp()) + 1
    if services.expiry_is_new(second):
        hint(tasks.sweep_offers, countdown=max(0.0, second - clock.now().timestamp()))
