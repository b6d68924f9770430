"""Duty and reports: who is on the map, what is kept, who sees it."""

from __future__ import annotations

import asyncio
import datetime as dt
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest
from asgiref.sync import async_to_sync, sync_to_async
from pytest_django import DjangoAssertNumQueries, DjangoCaptureOnCommitCallbacks, Settings

from accounts.models import RunnerProfile, User
from common.geo import Point
from dispatch import live, locations, services
from dispatch.models import Offer, OfferState, TrailPoint
from dispatch.policy import Fix
from dispatch.services.messages import message_send
from errands.models import Errand
from errands.states import State
from tests.conftest import PICKUP, make_runner, refused, walk
from tests.dispatch.scene import north, offered, opened, told

Report = Callable[..., services.Report]


@pytest.fixture
def errand(alice: User, now: dt.datetime) -> Errand:
    return opened(alice, now=now)


def fixes(now: dt.datetime, *metres: float, step_s: float = 10) -> list[Fix]:
    """A walk north that ends now, one reading every ten seconds."""
    first = now - dt.timedelta(seconds=step_s * (len(metres) - 1))
    return [
        Fix(*north(away), accuracy=5, recorded_at=first + dt.timedelta(seconds=step_s * index))
        for index, away in enumerate(metres)
    ]


def report(user: User, points: list[Fix], now: dt.datetime) -> services.Report:
    return services.positions_report(user=user, points=points, now=now)


@asynccontextmanager
async def watching(errand: Errand) -> AsyncIterator[live.Inbox]:
    inbox = await live.Inbox.open()
    await inbox.follow(live.position_topic(errand.pk))
    yield inbox
    await inbox.close()


# --- On and off --------------------------------------------------------------------------
def test_going_on_duty_puts_a_runner_on_the_map(
    now: dt.datetime, django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks, db: None
) -> None:
    eve = make_runner("eve", on_duty=False)
    with django_capture_on_commit_callbacks(execute=True):
        profile = services.duty_on(user=eve, position=PICKUP, now=now)
    assert profile.on_duty
    assert set(locations.everyone(now=now)) == {eve.pk}
    assert told(eve) == [(1, "duty.changed", {"on_duty": True})]


def test_a_start_repeated_on_duty_moves_nobody(
    bob: User, now: dt.datetime,
    django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
) -> None:  # fmt: skip
    report(bob, fixes(now, 0), now)
    for later_s, seen in ((1, 0), (3_600, 5_000)):  # after an hour there is no report to trust
        later = now + dt.timedelta(seconds=later_s)
        with django_capture_on_commit_callbacks(execute=True):
            services.duty_on(user=bob, position=north(5_000), now=later)
        place = locations.positions_of([bob.pk], now=later)[bob.pk]
        assert place.lat == pytest.approx(north(seen).lat, abs=1e-5)


def test_only_the_approved_go_on_duty(charlie: User, now: dt.datetime) -> None:
    with refused("not_a_runner"):
        services.duty_on(user=charlie, position=PICKUP, now=now)
    assert locations.everyone(now=now) == {}


def test_going_off_duty_forgets_the_place_and_withdraws_the_offer(
    errand: Errand, bob: User, now: dt.datetime,
    django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
) -> None:  # fmt: skip
    offered(errand, bob, now=now)
    with django_capture_on_commit_callbacks(execute=True):
        services.duty_off(user=bob, now=now)
    assert not RunnerProfile.objects.get(user=bob).on_duty
    assert Offer.objects.get().state == OfferState.WITHDRAWN
    assert locations.everyone(now=now) == {}
    assert [kind for _n, kind, _payload in told(bob)] == [
        "offer.made", "offer.closed", "duty.changed",
    ]  # fmt: skip


def test_who_carries_something_stays_on_duty(errand: Errand, bob: User, now: dt.datetime) -> None:
    walk(errand, bob, State.ASSIGNED, now=now)
    with refused("still_carrying") as lost:
        services.duty_off(user=bob, now=now)
    assert lost.value.extra["carried"] == 1
    assert RunnerProfile.objects.get(user=bob).on_duty


# --- Messages ----------------------------------------------------------------------------
def test_messages_are_numbered_without_a_gap(bob: User, alice: User) -> None:
    for number in range(3):
        message_send(runner_id=bob.pk, kind="test", payload={"n": number})
    message_send(runner_id=alice.pk, kind="test", payload={})
    assert [row[0] for row in told(bob)] == [1, 2, 3]
    assert [row[0] for row in told(alice)] == [1]


# --- Reports -----------------------------------------------------------------------------
def test_a_report_moves_the_runner_on_the_map(bob: User, now: dt.datetime) -> None:
    assert report(bob, fixes(now, 0, 10, 20), now) == services.Report(3, {})
    place = locations.positions_of([bob.pk], now=now)[bob.pk]
    assert place.lat == pytest.approx(north(20).lat, abs=1e-5)
    assert not TrailPoint.objects.exists()


def test_refused_points_are_counted_by_reason(bob: User, now: dt.datetime) -> None:
    far, late = fixes(now, 0, 5_000), now + dt.timedelta(minutes=1)
    future = far[0]._replace(recorded_at=late)
    assert report(bob, [*far, far[0], future], now) == services.Report(
        1, {"too_fast": 1, "duplicate": 1, "future": 1}
    )


def test_robots_may_walk_faster(bob: User, now: dt.datetime, settings: Settings) -> None:
    settings.RUNNER_MAX_SPEED_MPS = 800
    assert report(bob, fixes(now, 0, 5_000), now).kept == 2


def test_the_last_report_counts_across_batches(bob: User, now: dt.datetime) -> None:
    first, second = fixes(now, 0, 10)
    assert report(bob, [second], now).kept == 1
    assert report(bob, [first, second], now).refused == {"out_of_order": 1, "duplicate": 1}


def test_a_flood_of_points_makes_no_trail(errand: Errand, bob: User, now: dt.datetime) -> None:
    walk(errand, bob, State.ASSIGNED, now=now)
    assert report(bob, fixes(now, *[0] * 100, step_s=0.01), now).refused == {"duplicate": 98}
    assert TrailPoint.objects.count() == 2


def test_off_duty_nothing_is_kept(now: dt.datetime, db: None) -> None:
    eve = make_runner("eve", on_duty=False)
    assert report(eve, fixes(now, 0, 10), now) == services.Report(0, {"off_duty": 2})
    assert locations.everyone(now=now) == {}


def test_a_report_without_errands_needs_no_database(
    bob: User, now: dt.datetime, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    first, second = fixes(now, 0, 10)
    report(bob, [first], now)
    with django_assert_num_queries(0):
        assert report(bob, [second], now).kept == 1


@pytest.mark.parametrize("minutes", [10, -10])
def test_a_phone_with_a_wrong_clock_is_seen_at_the_right_time(
    errand: Errand, bob: User, now: dt.datetime, minutes: int
) -> None:
    walk(errand, bob, State.ASSIGNED, now=now)
    behind = dt.timedelta(minutes=minutes)
    before, present = (
        fix._replace(recorded_at=fix.recorded_at - behind)
        for fix in fixes(now, 0, 10, step_s=3_600)
    )
    points = [before, present]
    assert services.positions_report(user=bob, points=points, now=now, behind=behind).kept == 2
    last = locations.last(bob.pk, now=now)
    assert last is not None
    assert last.recorded_at == now
    assert TrailPoint.objects.get().recorded_at == now


def test_where_the_runner_was_before_the_errand_is_no_part_of_it(
    errand: Errand, bob: User, now: dt.datetime
) -> None:
    walk(errand, bob, State.ASSIGNED, now=now)
    old, present = fixes(now, 0, 10, step_s=3_600)

    async def seen(points: list[Fix]) -> bool:
        async with watching(errand) as inbox:
            await sync_to_async(report)(bob, points, now)
            try:
                async with asyncio.timeout(0.2):
                    await inbox.next()
            except TimeoutError:
                return False
            return True

    assert not async_to_sync(seen)([old])
    assert not TrailPoint.objects.exists()
    assert async_to_sync(seen)([present])
    assert TrailPoint.objects.get().recorded_at == now


def test_what_is_carried_gets_the_trail(
    errand: Errand, alice: User, bob: User, now: dt.datetime
) -> None:
    other = opened(alice, now=now)
    walk(errand, bob, State.ASSIGNED, now=now)
    walk(other, bob, State.ASSIGNED, now=now)
    report(bob, fixes(now, 0, 10, 20), now)
    assert TrailPoint.objects.filter(errand=errand).count() == 3
    assert TrailPoint.objects.filter(errand=other).count() == 3
    newest = TrailPoint.objects.filter(errand=errand).latest("recorded_at")
    assert (newest.lat, newest.recorded_at) == (north(20).lat, now)


def test_tracking_stops_when_it_is_delivered(errand: Errand, bob: User, now: dt.datetime) -> None:
    walk(errand, bob, State.DELIVERED, now=now)
    assert report(bob, fixes(now, 0, 10), now).kept == 2
    assert not TrailPoint.objects.exists()


def test_a_pause_in_the_middle_does_not_hide_what_is_carried(
    errand: Errand, bob: User, now: dt.datetime
) -> None:
    walk(errand, bob, State.PICKED_UP, now=now)
    RunnerProfile.objects.filter(user=bob).update(on_duty=False)
    assert report(bob, fixes(now, 0, 10), now).kept == 2
    assert TrailPoint.objects.count() == 2


def test_news_of_an_errand_reach_the_next_report(
    errand: Errand, bob: User, now: dt.datetime,
    django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
) -> None:  # fmt: skip
    first, second = fixes(now, 0, 10)
    report(bob, [first], now)
    with django_capture_on_commit_callbacks(execute=True):
        services.errand_claim(errand_id=errand.pk, runner=bob, now=now)
    report(bob, [second], now)
    assert TrailPoint.objects.get().recorded_at == now


def test_who_watches_sees_where_the_runner_is(errand: Errand, bob: User, now: dt.datetime) -> None:
    walk(errand, bob, State.PICKED_UP, now=now)

    async def watched() -> str:
        async with watching(errand) as inbox:
            await sync_to_async(report)(bob, fixes(now, 0, 10), now)
            return str((await inbox.next())["text"])

    message = json.loads(async_to_sync(watched)())
    assert message["type"] == "position"
    assert Point(message["lat"], message["lng"]) == north(10)
    assert [Point(*place) for place in message["path"]] == [north(0), north(10)]
    assert 5 < message["eta_minutes"] < 15
