"""Lists of runners that are put together from rows say what their selectors say of the models."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from itertools import cycle
from typing import Any

import pytest
from drf_spectacular.generators import SchemaGenerator
from rest_framework.renderers import JSONRenderer
from rest_framework.serializers import Serializer
from rest_framework.test import APIClient

from accounts.models import RunnerProfile, User
from common.geo import metres_between, snap
from dispatch import selectors
from dispatch.models import Offer, OfferState
from dispatch.selectors.waiting import coarse
from errands.models import Errand
from errands.states import Kind, State
from tests.scale.town import Size, Town, load
from tests.shown import by_serializer, there_and_back

pytestmark = pytest.mark.django_db
Client = Callable[[User | None], APIClient]


@pytest.fixture
def town(db: None, now: dt.datetime) -> Town:
    """Thirty offers to one runner, in every state; forty live errands."""
    town = load(Size(requesters=2, runners=1, errands=60, live=40, storied=1), now=now)
    Offer.objects.all().delete()  # one at a time is all that a runner may be asked
    for number, (errand, state) in enumerate(
        zip(town.errands[:30], cycle(OfferState), strict=False)
    ):
        Offer.objects.create(
            errand=errand, runner=town.bob, pay=7_000 + number, added_minutes=number * 0.7,
            state=OfferState.EXPIRED if state == OfferState.OFFERED and number else state,
            expires_at=now + dt.timedelta(seconds=number),
        )  # fmt: skip
    Errand.objects.filter(pk=town.errands[5].pk).update(title="“심부름” \u2028 \\ 🦶")
    return town


class OfferAsSent(Serializer[Any]):
    """An offer as it goes over the socket."""

    def to_representation(self, instance: Offer) -> dict[str, Any]:
        return selectors.offer_view(instance)


def test_offers_page_by_page(town: Town, api: Client) -> None:
    for url, content in there_and_back(api(town.bob), "/api/v1/offers?page_size=7"):
        found = selectors.offers_of(town.bob)
        assert content == by_serializer(url, found, OfferAsSent, user=town.bob)


@pytest.mark.parametrize("state", OfferState.values)
def test_offers_in_a_state(town: Town, api: Client, state: OfferState) -> None:
    url = f"/api/v1/offers?state={state}"
    found = selectors.offers_of(town.bob, state=state)
    assert api(town.bob).get(url).content == by_serializer(url, found, OfferAsSent, user=town.bob)


def nearby(runner: User, errand: Errand, radius_m: float) -> bytes:
    """The list as it follows from the models, without the box that only makes it quick."""
    rows = []
    for each in selectors.visible_errands(dt.datetime.now(dt.UTC)).exclude(requester=runner):
        asked = Offer.objects.filter(errand=each)
        barred = asked.filter(state=OfferState.OFFERED).exclude(runner=runner).exists()
        barred |= asked.filter(state=OfferState.DROPPED, runner=runner).exists()
        away = round(metres_between(errand.pickup, snap(each.pickup)))
        if away <= radius_m and not barred:
            shown = {
                **coarse(each), "pay": each.reward,
                "walking_minutes": float(round(each.walking_minutes)), "distance_m": away,
            }  # fmt: skip
            rows.append(shown)
    return JSONRenderer().render(sorted(rows, key=lambda row: row["distance_m"]))


@pytest.mark.parametrize("radius_m", [50, 3_000, 5_000])
def test_errands_nearby(town: Town, api: Client, radius_m: int) -> None:
    waiting = [errand for errand in town.errands if errand.state == State.OPEN]
    dropped, asked_of_bob, asked_of_other = waiting[:3]
    other = town.requesters[0]
    Offer.objects.all().delete()
    for errand, runner, state in (
        (dropped, town.bob, OfferState.DROPPED),
        (asked_of_bob, town.bob, OfferState.OFFERED),
        (asked_of_other, other, OfferState.OFFERED),
    ):
        Offer.objects.create(
            errand=errand, runner=runner, state=state, pay=1, added_minutes=1,
            expires_at=town.now,
        )  # fmt: skip
    for errand in waiting[:6]:
        lat, lng = errand.pickup
        url = f"/api/v1/errands-nearby?lat={lat}&lng={lng}&radius_m={radius_m}"
        assert api(town.bob).get(url).content == nearby(town.bob, errand, radius_m)


def test_nothing_is_near_who_does_no_kind(town: Town, api: Client) -> None:
    url = "/api/v1/errands-nearby?lat=37.56&lng=126.98&radius_m=5000"
    RunnerProfile.objects.filter(user=town.bob).update(kinds=[])
    assert api(town.bob).get(url).content == b"[]"
    RunnerProfile.objects.filter(user=town.bob).update(kinds=[Kind.HELP])
    assert {row["kind"] for row in api(town.bob).get(url).json()} <= {Kind.HELP}


def test_the_document_has_the_fields_of_the_rows(town: Town, api: Client) -> None:
    schemas = SchemaGenerator().get_schema(request=None, public=True)["components"]["schemas"]
    lat, lng = town.newest(State.OPEN).pickup
    near = api(town.bob).get(f"/api/v1/errands-nearby?lat={lat}&lng={lng}&radius_m=5000").json()
    offers = api(town.bob).get("/api/v1/offers").json()["results"]
    assert set(near[0]) == set(schemas["NearbyShape"]["properties"])
    assert set(offers[0]) == set(schemas["OfferShape"]["properties"])
