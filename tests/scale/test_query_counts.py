"""A page costs the same few queries for 2 rows and for 20, on every database."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable

import pytest
from django.apps import apps
from django.contrib import admin
from django.contrib.contenttypes.models import ContentType
from django.test import Client
from drf_spectacular.generators import SchemaGenerator

from accounts.models import User
from errands import selectors
from errands.states import State
from tests.scale.asked import asked
from tests.scale.reads import (
    API,
    OWN_PAGES,
    PAGES,
    SOCKETS,
    STAFF,
    Read,
    api_reads,
    own_pages,
    page_reads,
    socket_reads,
    staff_reads,
)
from tests.scale.swelling import swell
from tests.scale.town import Size, Town, load

pytestmark = pytest.mark.django_db

LIVE = 12  # one of each live state, and a few more that are open


@pytest.fixture(params=[2, 20])
def rows(
    request: pytest.FixtureRequest, db: None, now: dt.datetime, monkeypatch: pytest.MonkeyPatch
) -> Town:
    """A town of one requester and one runner, with so many rows of everything."""
    many: int = request.param
    town = load(Size(requesters=1, runners=1, errands=many + LIVE, live=LIVE, storied=1), now=now)
    for errand in (town.shared(), town.newest(State.PICKED_UP), town.errands[-1]):
        swell(errand, many)
    # A process reads the terms once a minute; which read is the first must not matter.
    monkeypatch.setattr(selectors, "TERMS_KEPT_S", 24 * 3600)
    selectors.terms_at(now)
    return town


@pytest.fixture(autouse=True)
def known_content_types(db: None) -> None:
    """A process asks for them once; which test is the first must not matter."""
    ContentType.objects.get_for_models(*apps.get_models())


def counted(reads: Iterable[tuple[str, Read]]) -> dict[str, int]:
    counts = {}
    for name, read in reads:
        with asked() as statements:
            read()
        counts[name] = len(statements)
    return counts


def test_reads_of_the_api(rows: Town) -> None:
    counts = counted((address.name, read) for address, read in api_reads(rows))
    assert counts == {address.name: address.queries for address in API}


def test_pages_for_everybody(rows: Town) -> None:
    assert counted(page_reads(rows)) == PAGES


def test_lists_and_pages_of_the_staff(rows: Town, dana: User, client: Client) -> None:
    client.force_login(dana)
    assert counted(staff_reads(client)) == STAFF


def test_figures_for_the_staff(rows: Town, dana: User, client: Client) -> None:
    client.force_login(dana)
    assert counted(own_pages(client)) == OWN_PAGES


def test_what_sockets_read(rows: Town, dana: User) -> None:
    assert counted(socket_reads(rows, dana)) == SOCKETS


def test_every_read_of_the_api_is_counted() -> None:
    paths = SchemaGenerator().get_schema(request=None, public=True)["paths"]
    readable = {path for path, operations in paths.items() if "get" in operations}
    ours = {path for path in readable if not path.startswith("/api/v1/auth/")}
    assert ours == {address.path for address in API}


def test_every_list_of_the_staff_is_counted() -> None:
    names = {model._meta.label_lower for model in admin.site._registry}
    assert {f"{name} {what}" for name in names for what in ("list", "page")} == set(STAFF)
