"""Twenty runners and one errand; two workers and one area. Each beside its control."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Sequence
from contextlib import nullcontext
from threading import Barrier
from typing import Any
from uuid import UUID

import pytest
from pytest_django import Settings
from rest_framework.test import APIClient

from accounts.models import RunnerProfile, User
from common import clock
from common.errors import Conflict
from common.geo import REGION, area_around
from dispatch import services
from dispatch.audit import audit
from dispatch.matching import Match
from dispatch.matching.borders import Belonging, belonging
from dispatch.models import Offer, OfferState, RunnerMessage, Solve
from dispatch.services import inputs, offers, runs
from dispatch.services.messages import message_send
from errands.models import Errand, ErrandEvent
from errands.states import State
from tests.conftest import make_runner
from tests.dispatch.scene import border, offered, offered_together, opened, stand, waiting_beyond
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
    assert Offer.objects.filter(state=OfferState.OFFERED).count() == len(errands)
    assert_asked_once()
    assert RunnerMessage.objects.filter(type="offer.made").count() == len(errands)


def assert_asked_once() -> None:
    """Nobody is asked two things at once, and nobody else the same."""
    offers = list(Offer.objects.filter(state=OfferState.OFFERED))
    assert max(Counter(offer.errand_id for offer in offers).values()) == 1
    questions = {(offer.runner_id, offer.bundle or offer.pk) for offer in offers}
    assert max(Counter(runner for runner, _question in questions).values()) == 1


def both_sides(requester: User, crowd: list[User]) -> list[str]:
    """Ten errands along the border of two areas, and six runners in the middle.

    Each area could use five of them. Returns the names of the areas.
    """
    now = clock.now()
    errands = [waiting_beyond(requester, 40.0 * n - 190, now=now) for n in range(10)]
    for number, runner in enumerate(crowd[:6]):
        stand(runner, border() + 10.0 * number - 25, now=now)
    return sorted({area_around(errand.area, REGION) for errand in errands})


def matched(areas: list[str], monkeypatch: pytest.MonkeyPatch) -> list[set[UUID]]:
    """Whom the runs of two areas want to ask when both have read before either writes."""
    wanted: list[set[UUID]] = []
    solved = Barrier(len(areas))
    write = offers.offers_make

    def after_all(*, matches: Sequence[Match], **given: Any) -> int:
        wanted.append({match.runner_id for match in matches})
        solved.wait(20)
        return write(matches=matches, **given)

    monkeypatch.setattr(runs, "offers_make", after_all)
    now = clock.now()
    at_once(lambda number: services.match_area(area=areas[number], now=now), many=len(areas))
    return wanted


def test_a_runner_near_a_border_is_wanted_by_one_area_alone(
    alice: User, crowd: list[User], monkeypatch: pytest.MonkeyPatch, settings: Settings
) -> None:
    settings.MATCHING_MOST_BUNDLED = 1
    areas = both_sides(alice, crowd)
    one, other = matched(areas, monkeypatch)
    assert not one & other
    assert len(one | other) == 6
    assert set(Offer.objects.values_list("runner_id", flat=True)) == one | other
    assert_asked_once()


@pytest.mark.control
def test_control_without_that_rule_both_areas_want_the_same_runners(
    alice: User, crowd: list[User], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The turns of runners and the constraints still ask everybody once."""

    def all_in_reach(*given: Any) -> Belonging:
        in_reach = belonging(*given).in_reach
        return Belonging(in_reach, in_reach)

    monkeypatch.setattr(inputs, "belonging", all_in_reach)
    one, other = matched(both_sides(alice, crowd), monkeypatch)
    assert one & other
    assert_asked_once()


def test_where_one_offer_is_lost_the_others_are_made(
    errand: Errand, alice: User, crowd: list[User], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody looks again before it writes: the constraints alone say which one it is."""
    monkeypatch.setattr(offers, "_still_fitting", lambda matches, _errands: matches)
    now = clock.now()
    errands = [errand, *(opened(alice, now=now) for _each in range(7))]
    offered_together([errands[3]], crowd[-1], now=now)
    solve = Solve.objects.create(area=errand.area, digest="", errands=8, runners=8, took_ms=1)
    matches = [
        Match(runner.pk, (each.pk,), ({"added_minutes": 1.0},))
        for each, runner in zip(errands, crowd, strict=False)
    ]
    known = {each.pk: each for each in errands}
    assert offers.offers_make(matches=matches, errands=known, solve=solve, now=now) == 7
    solve.refresh_from_db()
    assert solve.offered == 7
    assert_asked_once()


def test_a_bundle_and_twenty_claims_have_one_winner_for_each_errand(
    alice: User, bob: User, crowd: list[User]
) -> None:
    now = clock.now()
    RunnerProfile.objects.filter(user=bob).update(max_kg=30, max_bags=10)
    errands = [opened(alice, now=now) for _each in range(3)]
    bundle = offered_together(errands, bob, now=now)
    # The claims come after the withdrawal of that offer: nobody is being asked about it.
    Offer.objects.filter(pk=bundle[1].pk).update(state=OfferState.WITHDRAWN)

    def answer(number: int) -> int:
        if number % 4 == 0:
            return post(bob, f"/offers/{bundle[number % 3].pk}/accept")
        return post(crowd[number], f"/errands/{errands[1].pk}/claim")

    answers = at_once(answer)
    assert set(answers[::4]) == {200}
    assert Counter(answers)[200] == len(answers[::4]) + 1
    winners = dict(Errand.objects.values_list("pk", "runner_id"))
    assert winners[errands[0].pk] == winners[errands[2].pk] == bob.pk
    assert winners[errands[1].pk] in {runner.pk for runner in crowd}
    assert ErrandEvent.objects.filter(move="accept").count() == 3
    assert audit(now=clock.now()).findings == []


def test_a_bundle_accepted_and_declined_at_once_is_one_of_the_two(alice: User, bob: User) -> None:
    now = clock.now()
    RunnerProfile.objects.filter(user=bob).update(max_kg=30, max_bags=10)
    bundle = offered_together([opened(alice, now=now) for _each in range(3)], bob, now=now)

    def answer(number: int) -> int:
        what = "accept" if number % 2 else "decline"
        return post(bob, f"/offers/{bundle[number % 3].pk}/{what}")

    answers = at_once(answer)
    (state,) = set(Offer.objects.values_list("state", flat=True))
    assert state in {OfferState.ACCEPTED, OfferState.DECLINED}
    accepted = state == OfferState.ACCEPTED
    assert Counter(answers[1::2]) == {200 if accepted else 409: MANY / 2}
    assert Counter(answers[::2]) == {409 if accepted else 200: MANY / 2}
    assert Errand.objects.filter(runner=bob).count() == (3 if accepted else 0)


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
