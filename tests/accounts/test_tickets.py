from __future__ import annotations

import time
from collections.abc import Callable
from datetime import timedelta
from uuid import UUID

import pytest
from django.utils.dateparse import parse_datetime
from pytest_django import Settings
from rest_framework.test import APIClient

from accounts import tickets
from accounts.models import User
from common import clock
from common.ids import uuid7
from common.redis import client as redis_client

Api = Callable[[User | None], APIClient]
PATH = "/api/v1/ws-tickets"


def only_key() -> str:
    (key,) = redis_client().scan_iter("ws-ticket:*")
    return str(key)


def let_pass(key: str) -> None:
    """Let Redis itself expire the key, now instead of in 30 seconds."""
    redis_client().pexpire(key, 1)
    while redis_client().exists(key):
        time.sleep(0.001)


def test_a_ticket_is_good_once() -> None:
    user_id = uuid7()
    ticket = tickets.issue(user_id)
    assert tickets.redeem(ticket) == user_id
    assert tickets.redeem(ticket) is None


async def test_a_ticket_is_good_once_in_the_event_loop() -> None:
    user_id = uuid7()
    ticket = tickets.issue(user_id)
    assert await tickets.redeem_async(ticket) == user_id
    assert await tickets.redeem_async(ticket) is None


def test_a_ticket_expires() -> None:
    ticket = tickets.issue(uuid7())
    assert 25 <= redis_client().ttl(only_key()) <= 30
    let_pass(only_key())
    assert tickets.redeem(ticket) is None


def test_tickets_cannot_be_read_from_redis() -> None:
    ticket = tickets.issue(uuid7())
    assert ticket not in only_key()
    assert tickets.redeem(only_key().removeprefix("ws-ticket:")) is None


@pytest.mark.parametrize("ticket", ["", "x", "é" * 5000, "\x00"])
def test_made_up_tickets_are_nobodys(ticket: str) -> None:
    assert tickets.redeem(ticket) is None


@pytest.mark.django_db
class TestEndpoint:
    def test_issues_a_ticket(self, api: Api, alice: User) -> None:
        answer = api(alice).post(PATH)
        assert answer.status_code == 201
        expires_at = parse_datetime(answer.json()["expires_at"])
        assert expires_at is not None
        assert clock.now() < expires_at <= clock.now() + timedelta(seconds=30)
        assert tickets.redeem(answer.json()["ticket"]) == UUID(str(alice.pk))

    def test_each_is_another_even_with_one_key(self, api: Api, alice: User) -> None:
        key = {"Idempotency-Key": "k"}
        first, second = (api(alice).post(PATH, headers=key).json()["ticket"] for _ in "12")
        assert first != second

    def test_is_for_people_who_are_logged_in(self, api: Api) -> None:
        assert api(None).post(PATH).status_code == 401
        assert not list(redis_client().scan_iter("ws-ticket:*"))

    def test_takes_nothing(self, api: Api, alice: User) -> None:
        assert api(alice).post(PATH, {"user_id": "someone"}).status_code == 400
        assert not list(redis_client().scan_iter("ws-ticket:*"))

    def test_has_a_limit(self, api: Api, alice: User) -> None:
        codes = [api(alice).post(PATH).status_code for _time in range(31)]
        assert codes[-1] == 429
        assert set(codes[:-1]) == {201}


@pytest.mark.parametrize(
    ("port", "origin"), [(0, "ws://testserver:8000"), (8001, "ws://testserver:8001")]
)
def test_the_answer_says_where_sockets_are(
    api: Api, alice: User, settings: Settings, port: int, origin: str
) -> None:
    settings.SOCKETS_PORT = port
    answer = api(alice).post(PATH, headers={"Host": "testserver:8000"})
    assert answer.json()["origin"] == origin
