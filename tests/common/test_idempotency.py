"""One key, one effect: seen from the edge, where the header comes in."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from typing import Any

import pytest
from rest_framework.parsers import JSONParser
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.test import APIClient, APIRequestFactory

from accounts.models import User
from common.errors import Conflict
from common.idempotency import KEPT, Answer, answer_once, forget_expired
from common.models import AnsweredRequest
from tests.conftest import refused

Ask = Callable[..., Response]


@pytest.fixture
def effects() -> list[str]:
    return []


@pytest.fixture
def ask(alice: User, effects: list[str]) -> Ask:
    """Ask as alice (unless said otherwise); each effect leaves a word."""

    def work() -> Answer:
        effects.append("done")
        return 201, {"number": len(effects)}

    def asked(
        key: str = "k", body: Any = None, *, path: str = "/x", user: User = alice,
        does: Callable[[], Answer] = work, **options: Any,
    ) -> Response:  # fmt: skip
        plain = APIRequestFactory().post(path, body or {}, headers={"Idempotency-Key": key})
        request = Request(plain, parsers=[JSONParser()])
        request.user = user
        return answer_once(request, does, **options)

    return asked


def test_the_first_answer_again(ask: Ask, effects: list[str]) -> None:
    first, second = ask(), ask()
    assert (
        (first.status_code, first.data) == (second.status_code, second.data) == (201, {"number": 1})
    )
    assert effects == ["done"]
    assert "Idempotent-Replayed" not in first.headers
    assert second.headers["Idempotent-Replayed"] == "true"


def test_the_order_of_fields_does_not_matter(ask: Ask, effects: list[str]) -> None:
    ask(body={"a": {"x": 1, "y": 2}, "b": 2})
    ask(body={"b": 2, "a": {"y": 2, "x": 1}})
    assert effects == ["done"]


@pytest.mark.parametrize("other", [{"body": {"a": 1}}, {"path": "/y"}, {"path": "/x?a=1"}], ids=str)
def test_a_key_belongs_to_one_question(ask: Ask, effects: list[str], other: dict[str, Any]) -> None:
    ask()
    with refused("idempotency_key_reused"):
        ask(**other)
    assert effects == ["done"]


def test_a_key_belongs_to_one_person(ask: Ask, bob: User, effects: list[str]) -> None:
    assert ask().data != ask(user=bob).data
    assert effects == ["done", "done"]


def test_while_the_first_runs_the_second_is_told_to_wait(ask: Ask, effects: list[str]) -> None:
    """Asked again from within, as another worker would at that moment."""
    codes: list[str] = []

    def work() -> Answer:
        AnsweredRequest.objects.all().delete()  # another connection would not see it yet
        with pytest.raises(Conflict) as refusal:
            ask()
        codes.append(refusal.value.code)
        return 201, None

    assert ask(does=work).status_code == 201
    assert (codes, effects) == (["still_running"], [])


def test_what_comes_before_the_unit_is_not_repeated_for_a_known_key(
    ask: Ask, effects: list[str]
) -> None:
    for _twice in range(2):
        ask(before=lambda: effects.append("before"))
    assert effects == ["before", "done"]


@pytest.mark.django_db(transaction=True)
def test_a_refusal_leaves_the_key_free(ask: Ask, effects: list[str]) -> None:
    def refuse() -> Answer:
        raise Conflict("not_now")

    with refused("not_now"):
        ask(does=refuse)
    assert not AnsweredRequest.objects.exists()
    assert ask().data == {"number": 1}


@pytest.mark.parametrize("key", ["", "k" * 201, "a\nb", "\x7f"])
def test_keys_have_their_limits(ask: Ask, effects: list[str], key: str) -> None:
    with refused("bad_idempotency_key"):
        ask(key)
    assert effects == []


def test_answers_are_forgotten_in_time(ask: Ask, now: dt.datetime) -> None:
    ask("short")
    ask("long", kept=dt.timedelta(days=15))
    assert forget_expired(now=now + KEPT - dt.timedelta(minutes=1)) == 0
    assert forget_expired(now=now + KEPT + dt.timedelta(minutes=1)) == 1
    assert AnsweredRequest.objects.get().key == "long"


def test_a_replay_shows_what_the_caller_was_shown(alice: User, charlie: User) -> None:
    """Another person with the same key and body gets an answer of their own, never this one."""
    body = {"birth_date": "1990-01-01", "kinds": ["help"]}
    answers = []
    for user in (alice, charlie, alice):
        client = APIClient()
        client.force_authenticate(user)
        answers.append(
            client.post("/api/v1/runner-profile", body, headers={"Idempotency-Key": "same"}).json()
        )
    assert answers[0] == answers[2]
    assert answers[0]["id"] != answers[1]["id"]
