"""A move is one conditional update and one event, or nothing at all."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest

from accounts.models import Strike, User
from common.db import run_in_unit
from common.errors import Conflict, Invalid, NotFound
from common.geo import Point
from errands import services
from errands.models import Errand, ErrandEvent, Photo, PhotoPurpose, ProofKind
from errands.services.moving import By, errand_move
from errands.services.running import PIN_TRIES
from errands.signals import errand_changed
from errands.states import Kind, Move, Role, State
from tests.conftest import DROPOFF, make_errand, make_photo, make_runner, pay_for, refused, walk


def test_the_whole_road_leaves_a_gapless_trail_of_events(alice: User, bob: User) -> None:
    errand = walk(pay_for(make_errand(alice)), bob, State.DELIVERED)
    errand = services.errand_confirm(errand_id=errand.pk, requester=alice, now=errand.created_at)
    events = list(ErrandEvent.objects.filter(errand=errand).order_by("sequence"))
    assert [e.sequence for e in events] == list(range(1, 9))
    assert [e.move for e in events] == [
        "post", "fund", "accept", "arrive", "pick_up", "arrive", "deliver", "confirm",
    ]  # fmt: skip
    assert [e.from_state for e in events[1:]] == [e.to_state for e in events[:-1]]
    assert errand.version == 8
    assert errand.state == State.COMPLETED


def test_an_illegal_move_names_the_state_and_changes_nothing(alice: User, bob: User) -> None:
    errand = walk(pay_for(make_errand(alice)), bob, State.ASSIGNED)
    with pytest.raises(Conflict) as refused:
        services.errand_deliver(
            errand_id=errand.pk, runner=bob, pin="", position=None, now=errand.created_at,
            photo_id=make_photo(errand, bob, PhotoPurpose.DELIVERY).pk,
        )  # fmt: skip
    assert refused.value.code == "illegal_move"
    assert refused.value.extra == {"state": State.ASSIGNED}
    errand.refresh_from_db()
    assert (errand.state, errand.version) == (State.ASSIGNED, 3)


def test_the_same_move_again_is_answered_as_the_first(alice: User, bob: User) -> None:
    errand = walk(pay_for(make_errand(alice)), bob, State.AT_PICKUP)
    again = services.errand_arrive(
        errand_id=errand.pk, runner=bob, position=errand.pickup, reason="", now=errand.created_at
    )
    assert again.version == errand.version
    assert ErrandEvent.objects.filter(errand=errand, move=Move.ARRIVE).count() == 1


def test_the_same_move_twice_at_once_is_one_move(alice: User, bob: User, now: dt.datetime) -> None:
    """Both have read "assigned"; the loser of the update finds its own move made."""
    walk(pay_for(make_errand(alice)), bob, State.ASSIGNED)
    first, second = Errand.objects.get(), Errand.objects.get()
    by = By(Role.RUNNER, bob, position=first.pickup)
    _errand, moved = errand_move(first, Move.ARRIVE, by, now=now)
    again, moved_again = errand_move(second, Move.ARRIVE, by, now=now)
    assert (moved, moved_again) == (True, False)
    assert (again.state, again.version) == (State.AT_PICKUP, first.version)


@pytest.mark.parametrize("state", [State.ASSIGNED, State.AT_PICKUP, State.PICKED_UP])
def test_the_state_is_looked_at_before_the_evidence(
    alice: User, bob: User, now: dt.datetime, state: State
) -> None:
    """Else a runner could try delivery PINs all the way, and miss the state in the answer."""
    errand = pay_for(make_errand(alice, proof=ProofKind.PIN))
    errand = walk(errand, bob, state)
    for pin in (errand.dropoff_pin, "0000", ""):
        with refused("illegal_move"):
            services.errand_deliver(
                errand_id=errand.pk, runner=bob, photo_id=None, pin=pin, position=None, now=now
            )
    with refused("illegal_move"):
        services.errand_hand_back(
            errand_id=errand.pk, runner=bob, photo_id=None, position=None, now=now
        )


def test_arriving_where_one_is_already_is_illegal_wherever_one_stands(
    alice: User, bob: User, now: dt.datetime
) -> None:
    errand = walk(pay_for(make_errand(alice)), bob, State.AT_PICKUP)
    with refused("illegal_move"):
        services.errand_arrive(
            errand_id=errand.pk, runner=bob, position=DROPOFF, reason="길 건너편이에요", now=now
        )


def test_a_pickup_sent_again_is_answered_as_the_first(
    alice: User, bob: User, now: dt.datetime
) -> None:
    errand = walk(pay_for(make_errand(alice)), bob, State.PICKED_UP)
    photo = Photo.objects.get(purpose=PhotoPurpose.PICKUP)
    again = services.errand_pick_up(
        errand_id=errand.pk, runner=bob, photo_id=photo.pk, pin="", now=now
    )
    assert again.version == errand.version


def test_a_move_by_an_old_version_loses(alice: User, bob: User, now: dt.datetime) -> None:
    stale = pay_for(make_errand(alice))
    fresh = Errand.objects.get(pk=stale.pk)
    errand_move(fresh, Move.ACCEPT, By(Role.RUNNER, bob), now=now, runner=bob)
    with refused("illegal_move"):
        errand_move(stale, Move.ACCEPT, By(Role.RUNNER, alice), now=now, runner=alice)
    assert Errand.objects.get(pk=stale.pk).runner == bob


@pytest.mark.django_db(transaction=True)
def test_news_wait_for_the_commit(alice: User, now: dt.datetime) -> None:
    heard: list[dict[str, Any]] = []

    def listen(**news: Any) -> None:
        heard.append(news)

    errand_changed.connect(listen)
    try:
        with pytest.raises(NotFound):
            run_in_unit(
                lambda: (
                    make_errand(alice),
                    services.errand_confirm(errand_id=alice.pk, requester=alice, now=now),
                )
            )
        assert not heard
        errand = make_errand(alice)
    finally:
        errand_changed.disconnect(listen)
    (news,) = heard
    assert (news["errand_id"], news["sequence"], news["move"]) == (errand.pk, 1, Move.POST)
    assert news["state"] == State.AWAITING_PAYMENT


def test_a_stranger_finds_no_errand(alice: User, bob: User, now: dt.datetime) -> None:
    errand = walk(pay_for(make_errand(alice)), bob, State.ASSIGNED)
    other = make_runner("rick")
    with pytest.raises(NotFound):
        services.errand_arrive(
            errand_id=errand.pk, runner=other, position=errand.pickup, reason="", now=now
        )


def test_nobody_runs_their_own_errand(bob: User, now: dt.datetime) -> None:
    errand = pay_for(make_errand(bob))
    with refused("own_errand"):
        services.errand_accept(errand_id=errand.pk, runner=bob, now=now)


FAR = Point(37.5600, 126.9290)  # some 600 m from the pickup


def test_arriving_needs_the_place_or_a_reason(alice: User, bob: User, now: dt.datetime) -> None:
    errand = walk(pay_for(make_errand(alice)), bob, State.ASSIGNED)
    arrive: dict[str, Any] = {"errand_id": errand.pk, "runner": bob, "position": FAR, "now": now}
    with pytest.raises(Invalid) as refused:
        services.errand_arrive(**arrive, reason="")
    assert refused.value.code == "outside_geofence"
    assert 500 < refused.value.extra["metres"] < 800
    moved = services.errand_arrive(**arrive, reason="지하 2층이라 위치가 튀어요")
    assert moved.state == State.AT_PICKUP


def test_a_pickup_needs_its_photo(alice: User, bob: User, now: dt.datetime) -> None:
    errand = walk(pay_for(make_errand(alice)), bob, State.AT_PICKUP)
    wrong_purpose = make_photo(errand, bob, PhotoPurpose.DELIVERY)
    for photo_id in (None, wrong_purpose.pk):
        with refused("photo_required"):
            services.errand_pick_up(
                errand_id=errand.pk, runner=bob, photo_id=photo_id, pin="", now=now
            )


def test_pins_prove_both_ends(alice: User, bob: User, now: dt.datetime) -> None:
    errand = pay_for(make_errand(alice, proof=ProofKind.PIN, ask_pickup_pin=True))
    errand = walk(errand, bob, State.AT_PICKUP)
    mine: dict[str, Any] = {"errand_id": errand.pk, "runner": bob, "now": now, "photo_id": None}
    services.errand_pick_up(**mine, pin=errand.pickup_pin)
    services.errand_arrive(
        errand_id=errand.pk, runner=bob, position=errand.dropoff or FAR, reason="", now=now
    )
    moved = services.errand_deliver(**mine, pin=errand.dropoff_pin, position=None)
    assert moved.state == State.DELIVERED


def test_wrong_pins_close_the_door(alice: User, bob: User, now: dt.datetime) -> None:
    errand = walk(pay_for(make_errand(alice, ask_pickup_pin=True)), bob, State.AT_PICKUP)
    wrong = f"{(int(errand.pickup_pin) + 1) % 10_000:04}"
    mine: dict[str, Any] = {"errand_id": errand.pk, "runner": bob, "photo_id": None, "now": now}
    for _try in range(PIN_TRIES):
        with refused("wrong_pin"):
            services.errand_pick_up(**mine, pin=wrong)
    with refused("too_many_pins"):
        services.errand_pick_up(**mine, pin=errand.pickup_pin)


def test_one_place_is_started_and_done(alice: User, bob: User) -> None:
    errand = walk(pay_for(make_errand(alice, kind=Kind.QUEUE)), bob, State.DELIVERED)
    assert errand.state == State.DELIVERED
    assert not ErrandEvent.objects.filter(errand=errand, to_state=State.AT_DROPOFF).exists()


@pytest.mark.parametrize(("minutes", "strikes"), [(0, 0), (2, 1)])
def test_a_dropped_errand_is_open_again(
    alice: User, bob: User, now: dt.datetime, minutes: int, strikes: int
) -> None:
    errand = walk(pay_for(make_errand(alice)), bob, State.ASSIGNED, now=now)
    later = now + dt.timedelta(minutes=minutes)
    errand = services.errand_drop(errand_id=errand.pk, runner=bob, reason="발이 아파요", now=later)
    assert (errand.state, errand.runner) == (State.OPEN, None)
    assert Strike.objects.filter(runner=bob).count() == strikes
