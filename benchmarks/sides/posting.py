"""Requesters who pay for errands at a steady pace, by the product's own services.

Quoted and ordered beforehand: over REST that alone would take the two cores that everything
shares. The payment is what opens an errand, and with it the news that has it matched.
Runs where models are known, in a process of its own.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from uuid import UUID

from accounts.models import User
from benchmarks import stage
from benchmarks.sides.city import WALK, places
from common import clock
from common.errors import DomainError
from common.geo import Point
from dispatch.models import Offer, OfferState
from dispatch.services import offer_accept
from errands.models import Errand
from errands.states import State

LOOK_EVERY_S = 0.5
_ordered: list[tuple[Errand, User]] = []


def order(count: int, requesters: Sequence[str], half_m: float) -> None:
    """Quote and post so many errands all over the city; nobody has paid yet."""
    people = [User.objects.get(pk=UUID(each)) for each in requesters]
    for number, pickup in enumerate(places(count, half_m, seed=3)):
        requester = people[number % len(people)]
        dropoff = Point(pickup.lat + WALK, pickup.lng + WALK)
        _ordered.append((stage.post(requester, pickup, dropoff), requester))


def pay(per_second: float, seconds: float) -> tuple[list[tuple[str, float]], float]:
    """Pay for what was ordered, evenly; return each errand and when its payment was confirmed,
    and the share of a core that paying took here.

    Times are of the monotonic clock, which all processes of a machine share; taken just before
    the unit of work that opens the errand. When time is up what is left stays unpaid.
    """
    begun, used = time.monotonic(), time.process_time()
    paid = [
        (errand.pk.hex, _paid(errand, requester))
        for errand, requester in _evenly(per_second, seconds)
    ]
    return paid, (time.process_time() - used) / (time.monotonic() - begun)


def _evenly(per_second: float, seconds: float) -> Iterator[tuple[Errand, User]]:
    begun = time.monotonic()
    for number, ordered in enumerate(_ordered):
        time.sleep(max(0.0, begun + number / per_second - time.monotonic()))
        if time.monotonic() > begun + seconds:
            return
        yield ordered


def _paid(errand: Errand, requester: User) -> float:
    at = time.monotonic()
    stage.pay(errand, requester)
    return at


def stand_in(for_all_but: Sequence[str], seconds: float) -> int:
    """Accept for runners whose phone is not among ours; return how often."""
    ours = {UUID(each) for each in for_all_but}
    until = time.monotonic() + seconds
    accepted = 0
    while time.monotonic() < until:
        waiting = Offer.objects.filter(state=OfferState.OFFERED).prefetch_related("runner")
        accepted += sum(_accept(offer) for offer in waiting if offer.runner_id not in ours)
        time.sleep(LOOK_EVERY_S)
    return accepted


def _accept(offer: Offer) -> bool:
    try:
        offer_accept(offer_id=offer.pk, runner=offer.runner, now=clock.now())
    except DomainError:
        return False  # too late, or it was a bundle's and is taken with the rest
    return True


def unasked() -> int:
    """Count the errands about which nobody was ever asked."""
    asked = set(Offer.objects.values_list("errand_id", flat=True))
    opened = Errand.objects.exclude(state=State.AWAITING_PAYMENT).values_list("pk", flat=True)
    return len(set(opened) - asked)
