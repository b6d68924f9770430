"""What happened to an errand: its events, its offers, its trail, what was said of it."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from itertools import chain
from typing import Any
from uuid import UUID

from accounts.models import User
from common.models import AnsweredRequest, Cause, DeadLetter
from dispatch.models import (
    NoOffer,
    Offer,
    OfferState,
    Reason,
    RunnerMessage,
    RunnerStream,
    Solve,
    TrailPoint,
)
from errands.models import Errand, ErrandEvent, Photo, PhotoPurpose, Review
from errands.states import UNDERWAY, Kind, Role, State
from tests.scale.town.books import Books, order_of
from tests.scale.town.cart import Cart
from tests.scale.town.roads import road

MINUTE = dt.timedelta(minutes=1)
STEP = 4 * MINUTE
POINTS = 60
KEPT = dt.timedelta(days=1)
SOLVES_KEPT = dt.timedelta(days=30)


class Stories:
    """Tells the stories of errands, one after the other, into a cart."""

    def __init__(self, cart: Cart, on_duty: list[User], now: dt.datetime) -> None:
        self.cart, self.on_duty, self.now = cart, on_duty, now
        self.books = Books(cart)
        # Of the open errands every other one is being asked about.
        self.asked = chain.from_iterable((user, None) for user in reversed(on_duty))
        self.messages: Counter[UUID] = Counter()
        self.solve: Solve | None = None

    def tell(self, errand: Errand) -> None:
        self._events(errand)
        self._offers(errand)
        self.books.enter(errand)
        self._answered(errand)
        if errand.state in UNDERWAY:
            self._trail(errand)
        if errand.state == State.COMPLETED:
            self._afterwards(errand)

    def end(self) -> None:
        """Add what sums up all stories."""
        self.cart.put(*(RunnerStream(pk=pk, last=last) for pk, last in self.messages.items()))
        self.cart.put(dead_letter("letter", self.now))

    def _events(self, errand: Errand) -> None:
        people = {Role.REQUESTER: errand.requester, Role.RUNNER: errand.runner}
        for number, step in enumerate(road(State(errand.state), Kind(errand.kind))):
            self.cart.put(
                ErrandEvent(
                    errand=errand, sequence=number + 1, move=step.move, from_state=step.source,
                    to_state=step.target, role=step.role, actor=people.get(step.role),
                    note=order_of(errand) if step.role == Role.PAYMENTS else "",
                    created_at=min(errand.created_at + number * STEP, self.now),
                )
            )  # fmt: skip

    # --- Dispatch ---
    def _offers(self, errand: Errand) -> None:
        if errand.opened_at is None:
            return
        self._no_offer(errand, self._solve(errand))
        self._offer(errand, self.on_duty[errand.version % len(self.on_duty)], OfferState.EXPIRED)
        if errand.runner is not None:
            self._offer(errand, errand.runner, OfferState.ACCEPTED)
        elif errand.state == State.OPEN and (asked := next(self.asked, None)) is not None:
            self._offer(errand, asked, OfferState.OFFERED)

    def _offer(self, errand: Errand, runner: User, state: OfferState) -> None:
        waits = state == OfferState.OFFERED
        at = self.now if waits else min(errand.created_at + 2 * MINUTE, self.now)
        offer = Offer(
            errand=errand, runner=runner, solve=self._solve(errand), state=state, pay=errand.reward,
            added_minutes=5.0, expires_at=at + MINUTE / 3, created_at=at,
            answered_at=None if waits else at + MINUTE / 6,
        )  # fmt: skip
        self.cart.put(offer)
        if at > self.now - KEPT:
            self._message(runner, {"offer": {"id": str(offer.pk)}}, at)

    def _no_offer(self, errand: Errand, solve: Solve | None) -> None:
        if solve is not None:
            self.cart.put(
                NoOffer(
                    errand=errand, solve=solve, reason=Reason.NO_RUNNER_IN_REACH, near=0,
                    allowed=0, able=0, timely=0, created_at=errand.created_at,
                )
            )  # fmt: skip

    def _solve(self, errand: Errand) -> Solve | None:
        """One matching run makes the offers of some minutes; old ones are forgotten."""
        if errand.created_at < self.now - SOLVES_KEPT:
            return None
        if self.solve is None or errand.created_at > self.solve.created_at + 10 * MINUTE:
            self.solve = Solve(
                area=errand.area, digest="0" * 64, errands=4, runners=9, offered=4, took_ms=1.0,
                created_at=errand.created_at,
            )  # fmt: skip
            self.cart.put(self.solve)
        return self.solve

    def _message(self, runner: User, payload: dict[str, Any], at: dt.datetime) -> None:
        self.messages[runner.pk] += 1
        self.cart.put(
            RunnerMessage(
                runner=runner, sequence=self.messages[runner.pk], type="offer.made",
                payload=payload, created_at=at,
            )
        )  # fmt: skip

    def _trail(self, errand: Errand) -> None:
        self.cart.put(
            *(
                TrailPoint(
                    errand=errand, runner=errand.runner, lat=errand.pickup_lat + n * 1e-5,
                    lng=errand.pickup_lng, accuracy=8.0, recorded_at=self.now - (POINTS - n) * STEP,
                )
                for n in range(POINTS)
            )
        )  # fmt: skip

    # --- Around it ---
    def _answered(self, errand: Errand) -> None:
        if errand.created_at > self.now - KEPT:
            self.cart.put(
                AnsweredRequest(
                    owner=str(errand.requester_id), key=str(errand.pk), fingerprint="0" * 64,
                    status=201, body={}, expires_at=errand.created_at + KEPT,
                )
            )  # fmt: skip

    def _afterwards(self, errand: Errand) -> None:
        assert errand.runner is not None
        purpose, image = PhotoPurpose.DELIVERY, f"proof/{errand.pk}.jpg"
        self.cart.put(
            Photo(
                errand=errand, uploader=errand.runner, purpose=purpose, image=image,
                width=640, height=480,
            ),
            Review(errand=errand, author=errand.requester, subject=errand.runner, stars=5),
            Review(errand=errand, author=errand.runner, subject=errand.requester, stars=4),
        )  # fmt: skip


def dead_letter(identity: str, now: dt.datetime) -> DeadLetter:
    """A task that failed for good."""
    return DeadLetter(
        identity=identity, task="payments.tasks.sweep_refunds", queue="payments",
        cause=Cause.FAILED, headers={}, body=b"[]", died_at=now,
    )  # fmt: skip
