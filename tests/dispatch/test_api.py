"""The REST side: each address with access, without, with nonsense, and what did not happen."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Callable
from typing import Any

import pytest
from django.utils import timezone
from django.utils.translation import override
from pytest_django import DjangoAssertNumQueries
from rest_framework.test import APIClient

from accounts.models import RunnerProfile, RunnerState, User
from common import clock
from common.geo import Point, snap
from common.redis import client as redis_client
from dispatch import locations, selectors
from dispatch.api.shapes import OfferShape, TrackShape
from dispatch.models import Offer, OfferState, TrailPoint
from dispatch.selectors import watching
from errands.models import Errand
from errands.services import errand_cancel
from errands.states import Kind, State
from tests.conftest import DROPOFF, PICKUP, make_runner, walk
from tests.dispatch.scene import north, offered, opened, stand

Api = Callable[..., APIClient]

HERE = {"lat": PICKUP.lat, "lng": PICKUP.lng}
START = {"position": HERE}


@pytest.fixture
def errand(alice: User, now: dt.datetime) -> Errand:
    return opened(alice, now=now)


def refusal(response: Any, status: int, code: str) -> dict[str, Any]:
    assert response.status_code == status, response.data
    assert response["Content-Type"] == "application/problem+json"
    assert response.data["code"] == code
    return dict(response.data)


ADDRESSES = [
    ("get", "/duty"),
    ("post", "/duty/start"),
    ("post", "/duty/end"),
    ("post", "/duty/positions"),
    ("get", "/offers"),
    ("post", f"/offers/{uuid.UUID(int=1)}/accept"),
    ("post", f"/offers/{uuid.UUID(int=1)}/decline"),
    ("get", "/errands-nearby?lat=37.5&lng=127"),
    ("post", f"/errands/{uuid.UUID(int=1)}/claim"),
    ("post", f"/errands/{uuid.UUID(int=1)}/drop"),
]
BODIES: dict[str, Any] = {
    "/duty/start": START,
    "/duty/positions": {"points": [{**HERE, "accuracy": 5, "recorded_at": "2026-07-01T00:00Z"}]},
}


def call(client: APIClient, method: str, address: str, body: Any = None) -> Any:
    data = body if body is not None else BODIES.get(address, {})
    return getattr(client, method)(f"/api/v1{address}", data if method == "post" else None)


@pytest.mark.parametrize(("method", "address"), ADDRESSES)
def test_who_is_not_logged_in_is_sent_away(db: None, api: Api, method: str, address: str) -> None:
    assert call(api(), method, address).status_code == 401


@pytest.mark.parametrize(("method", "address"), ADDRESSES[:7] + ADDRESSES[7:9])
def test_who_does_not_run_is_told_so(charlie: User, api: Api, method: str, address: str) -> None:
    response = call(api(charlie), method, address)
    if "decline" in address:
        refusal(response, 404, "not_found")
    else:
        refusal(response, 403, "not_a_runner")


@pytest.mark.parametrize("address", ["/duty/start", f"/errands/{uuid.UUID(int=1)}/claim"])
def test_who_is_not_approved_is_told_why(bob: User, api: Api, address: str) -> None:
    RunnerProfile.objects.filter(user=bob).update(state=RunnerState.APPLIED, on_duty=False)
    refusal(call(api(bob), "post", address), 403, "runner_not_approved")
    assert not RunnerProfile.objects.get(user=bob).on_duty


@pytest.mark.parametrize(("method", "address"), [row for row in ADDRESSES if row[0] == "post"])
def test_unknown_fields_are_refused(bob: User, api: Api, method: str, address: str) -> None:
    body = {**BODIES.get(address, {}), "reason": "long enough", "surprise": 1}
    found = refusal(call(api(bob), method, address, body), 400, "invalid")
    assert {"field": "surprise", "code": "unknown_field"}.items() <= found["errors"][-1].items()


# --- Duty --------------------------------------------------------------------------------
def test_a_day_of_duty(db: None, api: Api) -> None:
    eve = api(make_runner("eve", on_duty=False))
    assert eve.get("/api/v1/duty").data == {"on_duty": False, "duty_since": None, "carried": []}
    started = eve.post("/api/v1/duty/start", START)
    assert started.status_code == 200
    assert started.data["on_duty"] is True
    ended = eve.post("/api/v1/duty/end", {})
    assert (ended.status_code, ended.data["on_duty"]) == (200, False)


def test_duty_shows_what_is_carried(errand: Errand, bob: User, api: Api) -> None:
    walk(errand, bob, State.ASSIGNED)
    assert api(bob).get("/api/v1/duty").data["carried"] == [str(errand.pk)]
    found = refusal(api(bob).post("/api/v1/duty/end", {}), 409, "still_carrying")
    assert found["carried"] == 1


@pytest.mark.parametrize(
    "position", [None, {"lat": 35.68, "lng": 139.76}, {"lat": "37.5", "lng": 127}, {"lat": 37.5}]
)
def test_duty_needs_a_place_in_the_service_area(bob: User, api: Api, position: Any) -> None:
    refusal(api(bob).post("/api/v1/duty/start", {"position": position}), 400, "invalid")
    assert locations.everyone() == {}


def test_a_repeated_key_is_one_start(bob: User, api: Api) -> None:
    first, again = (
        api(bob).post("/api/v1/duty/start", START, headers={"Idempotency-Key": "one"})
        for _time in range(2)
    )
    assert first.data == again.data
    assert again["Idempotent-Replayed"] == "true"


# --- Positions ---------------------------------------------------------------------------
def point(metres: float, **changes: Any) -> dict[str, Any]:
    lat, lng = north(metres)
    at = clock.now().isoformat()
    return {"lat": lat, "lng": lng, "accuracy": 8.0, "recorded_at": at, **changes}


def test_positions_without_a_socket(bob: User, api: Api) -> None:
    response = api(bob).post(
        "/api/v1/duty/positions", {"points": [point(0), point(5, accuracy=200.0)]}
    )
    assert (response.status_code, response.data) == (200, {"kept": 1, "refused": {"inaccurate": 1}})
    assert set(locations.everyone()) == {bob.pk}


@pytest.mark.parametrize("minutes", [10, -10])
def test_a_phone_that_says_when_it_sent_may_have_a_wrong_clock(
    bob: User, api: Api, minutes: int
) -> None:
    its_time = (clock.now() + dt.timedelta(minutes=minutes)).isoformat()
    body = {"points": [point(0, recorded_at=its_time)], "sent_at": its_time}
    response = api(bob).post("/api/v1/duty/positions", body)
    assert (response.status_code, response.data) == (200, {"kept": 1, "refused": {}})
    assert set(locations.everyone()) == {bob.pk}  # neither from the future nor stale
    body["sent_at"] = "soon"
    refusal(api(bob).post("/api/v1/duty/positions", body), 400, "invalid")


@pytest.mark.parametrize(
    "points",
    [
        [],
        "here",
        [point(0)] * 101,
        [point(0, lat=91)],
        [point(0, lat="37.5")],
        [point(0, accuracy=-1)],
        [point(0, recorded_at="yesterday")],
        [point(0, recorded_at=None)],
        [{"lat": 37.5, "lng": 127.0}],
        [[37.5, 127.0]],
    ],
)
def test_malformed_positions_are_refused_as_a_whole(bob: User, api: Api, points: Any) -> None:
    refusal(api(bob).post("/api/v1/duty/positions", {"points": points}), 400, "invalid")
    assert locations.everyone() == {}


# --- Offers ------------------------------------------------------------------------------
def test_offers_are_listed_as_they_are_sent(
    errand: Errand, bob: User, api: Api, now: dt.datetime
) -> None:
    offer = offered(errand, bob, now=now)
    [row] = api(bob).get("/api/v1/offers?state=offered").data["results"]
    assert row == selectors.offer_view(offer)
    assert set(row) == set(OfferShape().fields)
    assert row["pickup"] == snap(PICKUP)._asdict() != HERE
    assert row["total_minutes"] == pytest.approx(row["added_minutes"] + 5 + 4, abs=0.1)
    assert "홍" not in str(row)
    assert api(bob).get("/api/v1/offers?state=accepted").data["results"] == []


def test_nobody_sees_the_offers_of_another(
    errand: Errand, bob: User, api: Api, now: dt.datetime
) -> None:
    offer = offered(errand, bob, now=now)
    eve = api(make_runner("eve"))
    assert eve.get("/api/v1/offers").data["results"] == []
    refusal(eve.post(f"/api/v1/offers/{offer.pk}/accept", {}), 404, "not_found")
    refusal(eve.post(f"/api/v1/offers/{offer.pk}/decline", {}), 404, "not_found")
    assert Offer.objects.get().state == OfferState.OFFERED


def test_an_unknown_state_is_refused(bob: User, api: Api) -> None:
    refusal(api(bob).get("/api/v1/offers?state=lost"), 400, "invalid")


def test_accepting_answers_the_errand_with_its_address(
    errand: Errand, bob: User, api: Api, now: dt.datetime
) -> None:
    offer = offered(errand, bob, now=now)
    response = api(bob).post(f"/api/v1/offers/{offer.pk}/accept", {})
    assert response.status_code == 200
    assert response.data["state"] == "assigned"
    assert response.data["pickup"]["address"] == errand.pickup_address
    assert response.data["pickup_pin"] == ""


def test_an_expired_offer_is_gone(errand: Errand, bob: User, api: Api, now: dt.datetime) -> None:
    offer = offered(errand, bob, now=now)
    Offer.objects.update(expires_at=now)
    found = refusal(api(bob).post(f"/api/v1/offers/{offer.pk}/accept", {}), 409, "offer_gone")
    assert found["state"] == "expired"


def test_declining_with_a_reason(errand: Errand, bob: User, api: Api, now: dt.datetime) -> None:
    offer = offered(errand, bob, now=now)
    address = f"/api/v1/offers/{offer.pk}/decline"
    refusal(api(bob).post(address, {"reason": "x" * 101}), 400, "invalid")
    response = api(bob).post(address, {"reason": "raining"})
    assert (response.status_code, response.data["state"]) == (200, "declined")


# --- Nearby and claims -------------------------------------------------------------------
def nearby(client: APIClient, radius_m: int = 1_000, at: Any = PICKUP) -> list[Any]:
    response = client.get(f"/api/v1/errands-nearby?lat={at.lat}&lng={at.lng}&radius_m={radius_m}")
    assert response.status_code == 200, response.data
    return list(response.data)


def test_errands_nearby_are_coarse_and_nearest_first(
    alice: User, bob: User, api: Api, now: dt.datetime
) -> None:
    far = opened(alice, now=now, pickup_lat=north(800).lat, pickup_lng=PICKUP.lng)
    close = opened(alice, now=now)
    opened(alice, now=now, pickup_lat=north(1_400).lat, pickup_lng=PICKUP.lng)
    rows = nearby(api(bob))
    assert [row["errand_id"] for row in rows] == [str(close.pk), str(far.pk)]
    assert rows[0]["pickup"] == snap(PICKUP)._asdict()
    assert rows[0]["dropoff"] == snap(DROPOFF)._asdict()
    assert rows[0]["pay"] == close.reward
    assert rows[1]["distance_m"] == pytest.approx(800, abs=110)
    assert "address" not in str(rows)


def test_no_search_tells_two_addresses_of_one_block_apart(
    alice: User, bob: User, api: Api, now: dt.datetime
) -> None:
    middle = snap(PICKUP)
    degrees = 60 / 111_195
    for side in (-degrees, degrees):
        opened(alice, now=now, pickup_lat=middle.lat + side, pickup_lng=middle.lng + side)
    for at in (
        Point(middle.lat - 5 * degrees, middle.lng), Point(middle.lat + 5 * degrees, middle.lng),
        Point(middle.lat, middle.lng - 6 * degrees), Point(middle.lat, middle.lng + 6 * degrees),
    ):  # fmt: skip
        assert len(nearby(api(bob), radius_m=200, at=at)) == 0
        rows = nearby(api(bob), radius_m=320, at=at)
        assert len({str({**row, "errand_id": ""}) for row in rows}) == 1
        assert len(rows) == 2


def test_minutes_before_acceptance_are_too_coarse_to_measure_with(
    errand: Errand, bob: User, api: Api, now: dt.datetime
) -> None:
    [listed] = nearby(api(bob))
    offer = offered(errand, bob, now=now)
    [row] = api(bob).get("/api/v1/offers").data["results"]
    assert not float(offer.added_minutes).is_integer()
    for minutes in (listed["walking_minutes"], row["added_minutes"], row["total_minutes"]):
        assert minutes.is_integer()


def test_what_cannot_be_claimed_is_not_listed(
    errand: Errand, alice: User, bob: User, api: Api, now: dt.datetime
) -> None:
    opened(bob, now=now)
    opened(alice, now=now, starts_at=now + dt.timedelta(hours=1))
    opened(alice, now=now, due_at=now)
    RunnerProfile.objects.filter(user=bob).update(kinds=["delivery"])
    opened(alice, now=now, kind=Kind.HELP)
    assert [row["errand_id"] for row in nearby(api(bob))] == [str(errand.pk)]
    offered(errand, bob, now=now)
    assert len(nearby(api(bob))) == 1
    assert str(errand.pk) not in str(nearby(api(make_runner("eve"))))


def test_what_was_given_back_is_not_listed(
    errand: Errand, bob: User, api: Api, now: dt.datetime
) -> None:
    assert api(bob).post(f"/api/v1/errands/{errand.pk}/claim", {}).status_code == 200
    dropped = api(bob).post(f"/api/v1/errands/{errand.pk}/drop", {"reason": "my knee"})
    assert dropped.data == {"id": str(errand.pk), "state": "open"}
    assert nearby(api(bob)) == []


@pytest.mark.parametrize(
    "query", ["", "lat=37.5", "lat=35.7&lng=139.7", "lat=37.5&lng=127&radius_m=5001", "lat=x&lng=y"]
)
def test_nearby_needs_a_sensible_place(bob: User, api: Api, query: str) -> None:
    refusal(api(bob).get(f"/api/v1/errands-nearby?{query}"), 400, "invalid")


def test_a_claim_off_duty_is_refused(errand: Errand, bob: User, api: Api) -> None:
    RunnerProfile.objects.filter(user=bob).update(on_duty=False)
    refusal(api(bob).post(f"/api/v1/errands/{errand.pk}/claim", {}), 409, "off_duty")
    refusal(api(bob).post(f"/api/v1/errands/{uuid.uuid4()}/claim", {}), 404, "not_found")


def test_a_drop_needs_a_reason_and_the_errand(errand: Errand, bob: User, api: Api) -> None:
    address = f"/api/v1/errands/{errand.pk}/drop"
    refusal(api(bob).post(address, {}), 400, "invalid")
    refusal(api(bob).post(address, {"reason": "not mine"}), 404, "not_found")


# --- Tracking ----------------------------------------------------------------------------
def track(client: APIClient, errand: Errand) -> Any:
    return client.get(f"/api/v1/track/{errand.tracking_token}")


def test_the_link_shows_state_and_place_but_nobody(
    errand: Errand, bob: User, api: Api, now: dt.datetime
) -> None:
    walk(errand, bob, State.PICKED_UP, now=now)
    assert api(bob).post("/api/v1/duty/positions", {"points": [point(50)]}).data["kept"] == 1
    with override("ko"):
        data = track(api(), errand).data
    assert set(data) == set(TrackShape().fields)
    assert (data["kind"], data["state"], data["ended"]) == ("delivery", "picked_up", False)
    assert data["position"]["lat"] == pytest.approx(north(50).lat)
    assert 3 < data["eta_minutes"] < 12
    assert data["walked"] == [data["position"]]
    for private in (errand.title, errand.pickup_address, "alice", "bob", str(errand.pk)):
        assert private not in str(data)


def test_progress_is_the_road_with_its_times(errand: Errand, bob: User, api: Api) -> None:
    walk(errand, bob, State.AT_PICKUP)
    steps = track(api(), errand).data["progress"]
    assert [step["state"] for step in steps] == [
        "open", "assigned", "at_pickup", "picked_up", "at_dropoff", "delivered", "completed",
    ]  # fmt: skip
    assert [step["at"] is not None for step in steps] == [True] * 3 + [False] * 4


def test_an_errand_that_left_the_road_says_where(errand: Errand, alice: User, api: Api) -> None:
    errand_cancel(errand_id=errand.pk, requester=alice, note="", now=clock.now())
    data = track(api(), errand).data
    assert [step["state"] for step in data["progress"]] == ["open", "cancelled"]
    assert data["ended"] is True


def test_after_a_drop_the_road_starts_again(errand: Errand, bob: User, api: Api) -> None:
    assert api(bob).post(f"/api/v1/errands/{errand.pk}/claim", {}).status_code == 200
    assert api(bob).post(f"/api/v1/errands/{errand.pk}/drop", {"reason": "knee"}).status_code == 200
    steps = track(api(), errand).data["progress"]
    assert [step["state"] for step in steps if step["at"]] == ["open"]


def test_tracking_stops_at_the_delivery(errand: Errand, bob: User, api: Api) -> None:
    walk(errand, bob, State.DELIVERED)
    stand(bob, 0, now=clock.now())
    TrailPoint.objects.create(
        errand=errand, runner=bob, lat=37.5, lng=127, accuracy=5, recorded_at=clock.now()
    )
    data = track(api(), errand).data
    assert (data["position"], data["eta_minutes"], data["walked"]) == (None, None, [])


def test_the_link_lives_a_day_after_the_end(errand: Errand, api: Api, now: dt.datetime) -> None:
    rows = Errand.objects.filter(pk=errand.pk)
    rows.update(state=State.COMPLETED, ended_at=now - dt.timedelta(hours=23, minutes=59))
    assert track(api(), errand).status_code == 200
    rows.update(ended_at=now - dt.timedelta(hours=24, minutes=1))
    refusal(track(api(), errand), 404, "not_found")
    refusal(api().get("/api/v1/track/guessed"), 404, "not_found")


@pytest.mark.parametrize("token", ["%00", "a%00b", "x" * 41, "%F0%9F%9A%B6"])
def test_what_can_be_no_link_is_not_looked_up(
    db: None, api: Api, django_assert_num_queries: DjangoAssertNumQueries, token: str
) -> None:
    with django_assert_num_queries(0):
        refusal(api().get(f"/api/v1/track/{token}"), 404, "not_found")


def test_the_way_is_thinned_but_keeps_its_end(errand: Errand, bob: User, api: Api) -> None:
    walk(errand, bob, State.ASSIGNED)
    start = clock.now()
    TrailPoint.objects.bulk_create(
        TrailPoint(
            errand=errand, runner=bob, lat=37.5 + n / 100_000, lng=127, accuracy=5,
            recorded_at=start + dt.timedelta(seconds=n),
        )
        for n in range(1_200)
    )  # fmt: skip
    walked = track(api(), errand).data["walked"]
    assert len(walked) == 400
    assert walked[-1]["lat"] == 37.5 + 1_199 / 100_000
    assert walked == sorted(walked, key=lambda p: p["lat"])


def test_of_a_very_long_way_the_end_is_read(
    errand: Errand, bob: User, api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    walk(errand, bob, State.ASSIGNED)
    start = clock.now()
    TrailPoint.objects.bulk_create(
        TrailPoint(
            errand=errand, runner=bob, lat=37 + n, lng=127, accuracy=5,
            recorded_at=start + dt.timedelta(seconds=n),
        )
        for n in range(4)
    )  # fmt: skip
    monkeypatch.setattr(watching, "MOST_TRAIL", 2)
    assert [point["lat"] for point in track(api(), errand).data["walked"]] == [39, 40]


def test_an_emptied_redis_only_costs_the_dot(errand: Errand, bob: User, api: Api) -> None:
    walk(errand, bob, State.ASSIGNED)
    redis_client().flushdb()
    response = track(api(), errand)
    assert (response.status_code, response.data["position"]) == (200, None)


def test_the_pulse_counts(errand: Errand, alice: User, bob: User, now: dt.datetime) -> None:
    walk(errand, bob, State.ASSIGNED)
    for days in (0, 1):
        ended = opened(alice, now=now)
        Errand.objects.filter(pk=ended.pk).update(
            state=State.COMPLETED, ended_at=timezone.localtime() - dt.timedelta(days=days)
        )
    assert selectors.pulse(timezone.localtime()) == {
        "runners_on_duty": 1, "errands_underway": 1, "completed_today": 1,
    }  # fmt: skip
