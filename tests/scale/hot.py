"""What runs often or by itself: sweeps, matching, what runners say, the life of an errand."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from itertools import cycle

from accounts.models import User
from accounts.selectors import on_duty
from accounts.services import strike_add
from common.idempotency import forget_expired
from dispatch import locations, selectors, services
from dispatch.models import Offer, OfferState
from dispatch.policy import Fix
from dispatch.services.inputs import _asked_last
from errands import services as lives
from errands.selectors import bad_weather, regions_lately
from errands.states import State
from payments import escrow
from tests.accounts.conftest import log_in
from tests.conftest import PASSWORD, make_errand, pay_for, walk
from tests.scale.reads import Read
from tests.scale.town import Town

NEAR = 50  # runners on duty around an area


def hot_reads(town: Town) -> Iterator[tuple[str, Read]]:
    open_ones = [errand for errand in town.errands if errand.state == State.OPEN]
    for runner, errand in zip(town.on_duty, cycle(open_ones), strict=False):
        locations.place(runner.pk, errand.pickup, now=town.now)
    yield from _sweeps(town)
    yield from _matching(town)
    yield from _answers(town)
    yield from _lives(town)


def _sweeps(town: Town) -> Iterator[tuple[str, Read]]:
    """What beat starts, as its tasks call it."""
    now = town.now
    yield "areas waiting", partial(selectors.areas_waiting, now)
    yield "offers expire", partial(services.offers_expire, now=now)
    yield "apply paid", partial(lives.apply_paid, now=now)
    yield "lapse due", partial(lives.lapse_due, now=now)
    yield "confirm overdue", partial(lives.confirm_overdue, now=now)
    yield "send refunds", partial(escrow.refunds_send, now=now)
    yield "reconcile orders", partial(escrow.orders_reconcile, now=now)
    yield "expire orders", partial(escrow.orders_expire, now=now)
    yield "forget old", partial(services.forget_old, now=now)
    yield "forget answered requests", partial(forget_expired, now=now)


def _matching(town: Town) -> Iterator[tuple[str, Read]]:
    now, ids = town.now, [runner.pk for runner in town.on_duty[:NEAR]]
    area = town.newest(State.OPEN).area
    yield "match an area", partial(services.match_area, area=area, now=now)
    yield "who is on duty", partial(on_duty, ids)
    yield "what they carry", partial(selectors.carried_by, ids)
    yield "where they are going", partial(selectors.corridors_of, ids, now=now)
    yield "when they were asked", partial(_asked_last, ids, now)
    yield "weather", partial(bad_weather, area=area, now=now)
    yield "regions lately", regions_lately


def _answers(town: Town) -> Iterator[tuple[str, Read]]:
    now = town.now
    offers = Offer.objects.filter(state=OfferState.OFFERED).order_by("-id")
    accepted, declined = offers.prefetch_related("runner")[:2]
    accept = partial(services.offer_accept, offer_id=accepted.pk, runner=accepted.runner)
    decline = partial(services.offer_decline, offer_id=declined.pk, runner=declined.runner)
    yield "accept", partial(accept, now=now)
    yield "decline", partial(decline, now=now)
    errand = town.newest(State.PICKED_UP)
    assert errand.runner is not None
    here = Fix(errand.pickup_lat, errand.pickup_lng, accuracy=8.0, recorded_at=now)
    report = partial(services.positions_report, user=errand.runner, points=[here])
    yield "report a position", partial(report, now=now)
    strike = partial(strike_add, runner=town.bob, reference="errand:1", reason="drop")
    yield "strike", partial(strike, now=now)


def _lives(town: Town) -> Iterator[tuple[str, Read]]:
    """Every move of an errand, from the log-in to the money."""
    yield "log in", partial(_log_in, town.alice)
    errand = make_errand(town.alice, now=town.now)
    yield "post", partial(make_errand, town.alice, now=town.now)
    yield "pay", partial(pay_for, errand, now=town.now)
    yield "walk", partial(walk, errand, town.bob, State.DELIVERED, now=town.now)
    confirm = partial(lives.errand_confirm, errand_id=errand.pk, requester=town.alice)
    yield "confirm", partial(confirm, now=town.now)


def _log_in(user: User) -> object:
    user.set_password(PASSWORD)
    user.save()
    return log_in(user)
