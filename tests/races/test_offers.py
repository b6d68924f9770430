"""Twenty runners and one errand; two workers and one area. Each beside its control."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from contextlib import nullcontext
from threading import Barrier

import pytest
from rest_framework.test import APIClient

from accounts.models import RunnerProfile, User
from common import clock
from common.errors import Conflict
from dispatch import services
from dispatch.models import Offer, OfferState, RunnerMessage
from dispatch.services import runs
from dispatch.services.messages import message_send
from errands.models import Errand, ErrandEvent
from errands.states import State
from tests.conftest import make_runner
from tests.dispatch.scene import offered, opened, stand
from tests.races.crowd import MANY, at_once

pytestmark = [pytest.mark.races, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def errand(alice: User) -> Errand:
    return opened(alice, now=clock.now())


@pytest.fixture
def crowd(db: None) -> list[User]:
    return [make_runner(f"runner{number}") for number in range(MANY)]


def post(user: User, address: str) -> int:
    client = APIClient()
    client.force_authenticate(user)
    return client.post(f"/api/v1{address}", {}).status_code


def test_twenty_claims_have_one_winner(errand: Errand, crowd: list[User]) -> None:
    statuses = at_once(lambda number: post(crowd[number], f"/errands/{errand.pk}/claim"))
    assert Counter(statuses) == {200: 1, 409: MANY - 1}
    winner = Offer.objects.get(state=OfferState.ACCEPTED)
    errand.refresh_from_db()
    assert (errand.state, errand.runner_id) == (State.ASSIGNED, winner.runner_id)
    assert ErrandEvent.objects.filter(errand=errand, move="accept").count() == 1


@pytest.mark.control
def test_control_read_then_save_has_many_winners(errand: Errand, crowd: list[User]) -> None:
    """What the guard is for: everybody sees an open errand before anybody saves."""
    seen = Barrier(MANY)

    def take(number: int) -> bool:
        mine = Errand.objects.get(pk=errand.pk)
        seen.wait(10)
        if mine.state != State.OPEN:
            return False
        mine.state, mine.runner = State.ASSIGNED, crowd[number]
        mine.save(update_fields=["state", "runner"])
        return True

    assert sum(at_once(take)) > 1


def test_twenty_taps_on_one_offer_are_one_acceptance(errand: Errand, bob: User) -> None:
    offer = offered(errand, bob, now=clock.now())
    statuses = at_once(lambda _number: post(bob, f"/offers/{offer.pk}/accept"))
    assert Counter(statuses) == {200: MANY}
    assert ErrandEvent.objects.filter(errand=errand, move="accept").count() == 1


def test_an_acceptance_and_twenty_claims_have_one_winner(
    errand: Errand, bob: User, crowd: list[User]
) -> None:
    offer = offered(errand, bob, now=clock.now())

    def answer(number: int) -> int:
        if number == 0:
            return post(bob, f"/offers/{offer.pk}/accept")
        return post(crowd[number], f"/errands/{errand.pk}/claim")

    assert at_once(answer) == [200, *[409] * (MANY - 1)]


def test_accept_and_expiry_agree(errand: Errand, bob: User) -> None:
    """At the same moment an offer is either accepted or expired, and the errand follows."""
    now = clock.now()
    offer = offered(errand, bob, now=now)

    def answer(number: int) -> object:
        if number % 2:
            return services.offers_expire(now=offer.expires_at)
        try:
            return services.offer_accept(offer_id=offer.pk, runner=bob, now=now)
        except Conflict as lost:
            return lost.code

    answers = at_once(answer)
    offer.refresh_from_db()
    errand.refresh_from_db()
    accepted = offer.state == OfferState.ACCEPTED
    assert accepted == (errand.state == State.ASSIGNED)
    assert sum(answers[1::2]) == (0 if accepted else 1)


def test_two_hands_do_not_become_twenty(alice: User, bob: User) -> None:
    now = clock.now()
    RunnerProfile.objects.filter(user=bob).update(max_kg=30, max_bags=10)
    errands = [opened(alice, now=now) for _each in range(MANY)]
    statuses = at_once(lambda number: post(bob, f"/errands/{errands[number].pk}/claim"))
    assert Counter(statuses) == {200: 3, 409: MANY - 3}


@pytest.mark.parametrize("with_turns", [True, False])
def test_two_workers_never_offer_anything_twice(
    errand: Errand, alice: User, crowd: list[User], monkeypatch: pytest.MonkeyPatch,
    with_turns: bool,
) -> None:  # fmt: skip
    """Also with the turns in Redis taken away: then the constraints alone keep it right.

    They keep two workers from one runner, not from leaving an errand to each other: what both
    lost waits for the next run.
    """
    if not with_turns:
        monkeypatch.setattr(runs, "area_turn", lambda _area: nullcontext(True))
    now = clock.now()
    errands = [errand, *(opened(alice, now=now) for _each in range(9))]
    for number, runner in enumerate(crowd):
        stand(runner, 10.0 * number, now=now)
    made = at_once(lambda _number: services.match_area(area=errand.area, now=now), many=4)
    made.append(0 if with_turns else services.match_area(area=errand.area, now=now))
    assert sum(made) == len(errands)
    offers = Offer.objects.filter(state=OfferState.OFFERED)
    assert offers.count() == len(errands)
    for column in ("errand_id", "runner_id"):
        assert max(Counter(offers.values_list(column, flat=True)).values()) == 1
    assert RunnerMessage.objects.filter(type="offer.made").count() == len(errands)


def test_messages_sent_at_once_have_no_gap(bob: User) -> None:
    message_send(runner_id=bob.pk, kind="test", payload={})
    at_once(lambda number: message_send(runner_id=bob.pk, kind="test", payload={"n": number}))
    numbers = RunnerMessage.objects.filter(runner=bob).order_by("sequence")
    assert list(numbers.values_list("sequence", flat=True)) == list(range(1, MANY + 2))


def test_late_answers_change_nothing(errand: Errand, bob: User) -> None:
    offer = offered(errand, bob, now=clock.now())
    late = offer.expires_at + dt.timedelta(seconds=1)

    def answer(_number: int) -> str:
        with pytest.raises(Conflict) as lost:
            services.offer_accept(offer_id=offer.pk, runner=bob, now=late)
        return lost.value.code

    assert set(at_once(answer)) == {"offer_gone"}
