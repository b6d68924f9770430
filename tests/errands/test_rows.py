"""Lists that go past the serializers say exactly what these say, which the schema is made from."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator
from itertools import cycle
from typing import Any

import pytest
from django.utils import translation
from drf_spectacular.generators import SchemaGenerator
from rest_framework.test import APIClient

from accounts.models import User
from common.pagination import OldestFirst
from errands.api.shapes import LINE_LABELS, ErrandShape, EventShape
from errands.models import Errand, ErrandEvent
from errands.selectors import errands_of, events_of
from errands.states import Kind, Role, State
from tests.scale.town import Size, Town, load
from tests.shown import by_serializer, there_and_back

pytestmark = pytest.mark.django_db
Client = Callable[[User | None], APIClient]

ODD = 'Ünï “말” \u2028\u2029 \\ / < & 🦶\n"'


@pytest.fixture
def town(db: None, now: dt.datetime) -> Town:
    """One requester and one runner with errands of every kind in every state, some of them odd."""
    town = load(Size(requesters=1, runners=1, errands=60, live=20, storied=1), now=now)
    stranger = User.objects.create(email="x@example.com")
    parties: Iterator[dict[str, Any]] = cycle(
        [{}, {"runner": None}, {"runner": stranger}, {"requester": town.bob}]
    )
    states = cycle(State)
    for errand, change, state in zip(town.errands, parties, states, strict=False):
        Errand.objects.filter(pk=errand.pk).update(**change, state=state)
    lines = [{"code": code, "amount": -7 if code == "rounding" else 7} for code in LINE_LABELS]
    odd = Errand.objects.order_by("-id").values_list("pk", flat=True)[:2]
    Errand.objects.filter(pk=odd[0]).update(title=ODD, note=ODD, pickup_address=ODD, lines=lines)
    Errand.objects.filter(pk=odd[1]).update(
        starts_at=now, deadline_at=now.replace(microsecond=0), walking_minutes=7.25, lines=[]
    )
    return town


def test_the_town_has_everything(town: Town) -> None:
    rows = Errand.objects.values_list("kind", "state")
    assert {kind for kind, _state in rows} == set(Kind)
    assert {state for _kind, state in rows} == set(State)


@pytest.mark.parametrize("language", ["ko", "en"])
@pytest.mark.parametrize("role", [None, Role.REQUESTER, Role.RUNNER])
def test_own_errands(town: Town, api: Client, language: str, role: Role | None) -> None:
    """Every page, forwards and backwards, of both parties."""
    asked = f"?page_size=7{f'&role={role}' if role else ''}"
    for user in (town.alice, town.bob):
        client = api(user)
        client.defaults["HTTP_ACCEPT_LANGUAGE"] = language
        for url, content in there_and_back(client, f"/api/v1/errands{asked}"):
            found = errands_of(user=user, role=role)
            with translation.override(language):
                assert content == by_serializer(url, found, ErrandShape, user=user)


@pytest.mark.parametrize("state", list(State))
def test_own_errands_in_a_state(town: Town, api: Client, state: State) -> None:
    url = f"/api/v1/errands?state={state}&page_size=100"
    for user in (town.alice, town.bob):
        found = errands_of(user=user, state=state)
        expected = by_serializer(url, found, ErrandShape, user=user)
        assert api(user).get(url).content == expected


@pytest.mark.parametrize("path", ["/api/v1/errands", "/api/v1/errands/{errand_id}/events"])
def test_the_document_has_the_fields_of_the_rows(town: Town, api: Client, path: str) -> None:
    """In their order too: it is made from the serializers, which nobody asks for these lists."""
    schema = SchemaGenerator().get_schema(request=None, public=True)
    page = schema["paths"][path]["get"]["responses"]["200"]["content"]["application/json"]
    name = page["schema"]["$ref"].rpartition("/Paginated")[2].removesuffix("List")
    answer = api(town.alice).get(path.format(errand_id=town.shared().pk)).json()
    assert list(answer["results"][0]) == list(schema["components"]["schemas"][name]["properties"])


def test_no_errand_at_all(api: Client, charlie: User) -> None:
    body = api(charlie).get("/api/v1/errands").content
    assert body == b'{"next":null,"previous":null,"results":[]}'


def test_events(town: Town, api: Client) -> None:
    longest = max(town.errands, key=lambda errand: errand.version)
    ErrandEvent.objects.filter(errand=longest, sequence=2).update(note=ODD, reason="other")
    found = events_of(longest)
    assert found.count() > 4
    for url, content in there_and_back(
        api(longest.requester), f"/api/v1/errands/{longest.pk}/events?page_size=3"
    ):
        assert content == by_serializer(
            url, found, EventShape, user=longest.requester, pages=OldestFirst
        )


@pytest.mark.parametrize("after", [0, 2, 1_000])
def test_events_after_a_number(town: Town, api: Client, after: int) -> None:
    errand = town.shared()
    url = f"/api/v1/errands/{errand.pk}/events?after={after}"
    found = events_of(errand, after=after)
    expected = by_serializer(url, found, EventShape, user=town.alice, pages=OldestFirst)
    assert api(town.alice).get(url).content == expected


@pytest.mark.parametrize("cursor", ["cD1nYXJiYWdl", "cD0="])
def test_a_cursor_that_names_no_row_is_refused(api: Client, alice: User, cursor: str) -> None:
    """``p=garbage`` and ``p=``."""
    answer = api(alice).get(f"/api/v1/errands?cursor={cursor}")
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
