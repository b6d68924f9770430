"""With 50,000 errands no read and no sweep goes through a large table, on any database."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

import pytest
from django.apps import apps
from django.db import connection
from django.db.models import QuerySet
from django.test import Client

from accounts.models import RunnerProfile, User
from dispatch.models import Offer
from errands.models import Errand
from tests.scale.asked import asked
from tests.scale.hot import hot_reads
from tests.scale.plans import explain
from tests.scale.reads import (
    Read,
    api_reads,
    filtered_reads,
    page_reads,
    socket_reads,
    staff_reads,
)
from tests.scale.town import Town

pytestmark = [pytest.mark.live, pytest.mark.timeout(300)]

JOINED_BY_OTHERS = {
    "admin:index",  # Django's list of recent actions
    "log in",  # allauth's e-mail address with its user, found by a unique column
}
# It adds up the entries of a day, and a town has all of its own on one day.
ADDS_UP = {"admin:finance": "payments_entry"}


def all_reads(town: Town, staff: User, client: Client) -> Iterator[tuple[str, Read]]:
    yield from ((address.name, read) for address, read in api_reads(town))
    yield from page_reads(town)
    yield from socket_reads(town, staff)
    yield from staff_reads(client)
    yield from filtered_reads(town, client)
    yield from hot_reads(town)  # last: these change the town


def troubles(read: Read, sizes: dict[str, int], *, may_join: bool = False) -> list[str]:
    """Say which statements of ``read`` would grow with the town, or join tables."""
    with asked() as statements:
        read()
    assert statements, "it asked nothing"
    found = []
    for statement in statements:
        plan = explain(statement)
        joins = ["joins"] if plan.joined and not may_join else []
        found += [f"{what}: {statement}" for what in (*plan.troubles(sizes), *joins)]
    return found


@pytest.fixture
def sizes(town: Town) -> dict[str, int]:
    """The rows of every table; planners know them too."""
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("ANALYZE")  # what autovacuum does soon after such a load
    return {model._meta.db_table: model._default_manager.count() for model in apps.get_models()}


def test_every_read_and_every_sweep(
    town: Town, sizes: dict[str, int], dana: User, client: Client, subtests: pytest.Subtests
) -> None:
    """One test, because a town takes a while: what is found is said for each read by itself."""
    assert sizes["errands_errand"] == 50_000
    assert sizes["accounts_user"] == 5_000
    client.force_login(dana)
    with subtests.test("this can fail"):
        shows_what_is_bad(sizes)
    for name, read in all_reads(town, dana, client):
        with subtests.test(name):
            found = troubles(read, sizes, may_join=name in JOINED_BY_OTHERS)
            assert not [each for each in found if ADDS_UP.get(name, "no table") not in each]


def shows_what_is_bad(sizes: dict[str, int]) -> None:
    """Readings as they must not be, each with what has to be said of it."""
    errands = Errand.objects.all()
    bad: list[tuple[QuerySet[Any], str]] = [
        (errands.filter(title="no index has it"), "reads all of errands_errand"),
        (errands.filter(state="completed").order_by("title"), "rows in memory"),
        (Offer.objects.filter(errand__state="open"), "joins"),
        (RunnerProfile.objects.select_related("user"), "joins"),
    ]
    for rows, expected in bad:
        assert expected in str(troubles(partial(list, rows), sizes))
