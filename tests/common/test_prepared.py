"""Prepared queries find what their selectors find, with any values, asked one after the other."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from django.db import connection
from msgspec import Struct

from common.models import AnsweredRequest
from common.prepared import MOST_STATEMENTS, Cut, Listing, Prepared

pytestmark = pytest.mark.django_db

HOSTILE = ["'; DROP TABLE x; --", "%s", "%(name)s", "$where", "\\", "한글 \u2028"]


class Row(Struct):
    id: UUID
    key: str
    status: int | None
    body: Any
    expires_at: datetime


def by_owner(owner: Any, keys: Any = None, before: Any = None) -> Any:
    found = AnsweredRequest.objects.filter(owner=owner)
    found = found if keys is None else found.filter(key__in=keys)
    return found if before is None else found.filter(expires_at__lt=before)


def prepared() -> Prepared[Row]:
    return Prepared(by_owner, Row, Row.__struct_fields__)


@pytest.fixture
def rows(now: datetime) -> list[AnsweredRequest]:
    """Ten of alice, ten of a hostile owner."""
    return [
        AnsweredRequest.objects.create(
            owner=owner, key=key, fingerprint="f", status=None if number % 2 else 200,
            body={"n": number, "text": key} if number % 3 else None,
            expires_at=now + timedelta(hours=number),
        )
        for owner in ("alice", HOSTILE[0])
        for number, key in enumerate([*HOSTILE, "a", "b", "c", "d"])
    ]  # fmt: skip


def as_rows(found: Any) -> list[Row]:
    return [Row(each.pk, each.key, each.status, each.body, each.expires_at) for each in found]


@pytest.mark.parametrize("owner", ["alice", HOSTILE[0], "nobody"])
def test_every_value_is_taken_for_a_value(rows: list[AnsweredRequest], owner: str) -> None:
    query = prepared()
    for order in ("id", "-id"):
        found = query.rows(Cut(order=order), owner=owner)
        assert found == as_rows(by_owner(owner).order_by(order))


@pytest.mark.parametrize("count", range(1, len(HOSTILE) + 1))
def test_lists_of_any_length(rows: list[AnsweredRequest], count: int) -> None:
    keys = HOSTILE[:count]
    found = prepared().rows(Cut(order="id"), owner="alice", keys=keys)
    assert [row.key for row in found] == keys


def test_times_and_nothing_at_all(rows: list[AnsweredRequest], now: datetime) -> None:
    query = prepared()
    for hours in (0, 3, 30):
        until = now + timedelta(hours=hours)
        expected = as_rows(by_owner("alice", before=until).order_by("id"))
        assert query.rows(Cut(order="id"), owner="alice", before=until) == expected


@pytest.mark.parametrize("size", [1, 3, 10, 11])
def test_page_by_page(rows: list[AnsweredRequest], size: int) -> None:
    query, seen = prepared(), []
    page = Listing(query, owner="alice").order_by("-id")[0:size]
    while page:
        seen += page
        page = Listing(query, owner="alice").order_by("-id").filter(id__lt=str(page[-1].id))[0:size]
    assert seen == as_rows(by_owner("alice").order_by("-id"))


def test_a_part_from_further_on(rows: list[AnsweredRequest]) -> None:
    listing = Listing(prepared(), owner="alice").order_by("id")
    assert listing[3:5] == as_rows(by_owner("alice").order_by("id")[3:5])


def test_the_queries_of_many_sizes_are_not_all_kept(rows: list[AnsweredRequest]) -> None:
    query = prepared()
    for most in range(1, MOST_STATEMENTS + 20):
        query.rows(Cut(most=most), owner="alice")
    assert query._statement.cache_info().currsize <= MOST_STATEMENTS


def test_it_is_compiled_once(rows: list[AnsweredRequest], monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[str] = []

    def selector(owner: Any) -> Any:
        calls.append("asked")
        return by_owner(owner)

    query = Prepared(selector, Row, Row.__struct_fields__)
    for owner in ("alice", "bob", "charlie"):
        query.rows(owner=owner)
    assert len(calls) == (3 if connection.vendor == "mongodb" else 1)
