"""The people and errands that each database begins with, made by the product's own services."""

from __future__ import annotations

import datetime as dt
import functools
from typing import NamedTuple
from uuid import UUID

from accounts.models import User
from accounts.services import runner_apply, runner_approve
from common import clock
from common.geo import Point
from common.ids import uuid7
from dispatch.services import duty_on, errand_claim
from errands import services
from errands.models import Errand, ProofKind
from errands.states import Kind
from payments import escrow, ledger
from payments.models import Payment

GANGNAM, YEOKSAM = Point(37.4979, 127.0276), Point(37.5006, 127.0364)
HONGDAE, YEONNAM = Point(37.5563, 126.9236), Point(37.5596, 126.9259)
RUNNERS = 20
PEOPLE = 32  # two for each of the sixteen threads that transfer
LISTED = 40  # two pages of errands, and of a statement
SAVINGS = 1_000_000


class Stage(NamedTuple):
    """Who takes part, and the open errands that are only looked at."""

    requester: User
    people: list[User]  # the first are runners on duty
    listed: list[Errand]

    @property
    def runners(self) -> list[User]:
        return self.people[:RUNNERS]


@functools.cache
def stage() -> Stage:
    """Return what this process' database holds; made on the first call."""
    requester, staff = _user("requester"), _user("staff", is_staff=True)
    people = [_user(f"person{number}") for number in range(PEOPLE)]
    for runner in people[:RUNNERS]:
        _on_duty(runner, staff)
    transfer((ledger.GATEWAY, -SAVINGS * PEOPLE), *((account(each), SAVINGS) for each in people))
    for _number in range(LISTED):
        transfer((account(people[1]), -1), (account(people[0]), 1))
    listed = [post(requester, GANGNAM, YEOKSAM) for _number in range(LISTED)]
    for errand in listed:
        pay(errand, requester)
    return Stage(requester, people, listed)


def _user(name: str, *, is_staff: bool = False) -> User:
    return User.objects.create_user(f"{name}@example.com", nickname=name, is_staff=is_staff)


def _on_duty(runner: User, staff: User) -> None:
    now = clock.now()
    profile = runner_apply(
        user=runner, birth_date=dt.date(1995, 5, 5), introduction="",
        kinds=[kind.value for kind in Kind], max_kg=10, max_bags=2, now=now,
    )  # fmt: skip
    runner_approve(profile=profile, by=staff, now=now)
    duty_on(user=runner, position=HONGDAE, now=now)


def account(user: User) -> str:
    return ledger.user_account(user.pk)


def transfer(*moves: ledger.Move) -> None:
    """Post one transfer with a reference of its own."""
    ledger.post(
        reference=f"benchmark:{uuid7().hex}", kind="benchmark", subject="benchmark", moves=moves
    )


def post(requester: User, pickup: Point = HONGDAE, dropoff: Point = YEONNAM) -> Errand:
    """Ask for the price of a delivery and post it; proof by PIN, no picture is drawn."""
    now = clock.now()
    quote = services.quote_create(
        requester=requester, kind=Kind.DELIVERY, pickup=pickup, pickup_address="1번 출구",
        dropoff=dropoff, dropoff_address="3번 출구", now=now,
    )  # fmt: skip
    return services.errand_post(
        requester=requester, quote_id=quote.pk, reward=quote.reward_floor, title="케이크 픽업",
        note="", proof=ProofKind.PIN, ask_pickup_pin=True, now=now,
    )  # fmt: skip


def pay(errand: Errand, requester: User) -> None:
    """Confirm the order of ``errand``; the news of it opens the errand to runners."""
    order = Payment.objects.get(reference=errand.reference)
    escrow.order_confirm(
        order_id=order.order_id, payer=requester, payment_key="sandbox_benchmark",
        amount=order.amount, now=clock.now(),
    )  # fmt: skip


def claim(errand_id: UUID, runner: User) -> None:
    errand_claim(errand_id=errand_id, runner=runner, now=clock.now())


def finish(errand: Errand, requester: User, runner: User) -> None:
    """Walk an accepted errand to its end, and the reward to its runner."""
    services.errand_arrive(
        errand_id=errand.pk, runner=runner, position=HONGDAE, reason="", now=clock.now()
    )
    services.errand_pick_up(
        errand_id=errand.pk, runner=runner, photo_id=None, pin=errand.pickup_pin, now=clock.now()
    )
    services.errand_arrive(
        errand_id=errand.pk, runner=runner, position=YEONNAM, reason="", now=clock.now()
    )
    services.errand_deliver(
        errand_id=errand.pk, runner=runner, photo_id=None, pin=errand.dropoff_pin, position=None,
        now=clock.now(),
    )  # fmt: skip
    services.errand_confirm(errand_id=errand.pk, requester=requester, now=clock.now())
