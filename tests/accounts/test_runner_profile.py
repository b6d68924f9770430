from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from typing import Any

import pytest
from rest_framework.test import APIClient

from accounts import policy, services
from accounts.models import RunnerProfile, RunnerState, User
from common.errors import Conflict, Invalid, NotAllowed

pytestmark = pytest.mark.django_db

Api = Callable[[User | None], APIClient]
PATH = "/api/v1/runner-profile"
GOOD: dict[str, Any] = {
    "birth_date": "1999-05-01",
    "introduction": "강남역 근처에 살아요.",
    "kinds": ["queue", "delivery"],
    "max_kg": 8,
    "max_bags": 2,
}


def test_applying(api: Api, alice: User) -> None:
    answer = api(alice).post(PATH, GOOD)
    assert answer.status_code == 201
    body = answer.json()
    assert body["state"] == "applied"
    assert body["kinds"] == ["delivery", "queue"]
    assert not body["on_duty"]
    assert api(alice).get(PATH).json() == body
    assert RunnerProfile.objects.get().user == alice


def test_only_birth_date_and_kinds_are_needed(api: Api, alice: User) -> None:
    body = {"birth_date": "1999-05-01", "kinds": ["help"]}
    answer = api(alice).post(PATH, body).json()
    assert (answer["max_kg"], answer["max_bags"], answer["introduction"]) == (10, 2, "")


def test_without_an_application_there_is_nothing_to_read(api: Api, bob: User, alice: User) -> None:
    answer = api(alice).get(PATH)
    assert answer.status_code == 404
    assert answer.json()["code"] == "no_application"


def test_nobody_is_401(api: Api) -> None:
    assert api(None).get(PATH).status_code == 401
    assert api(None).post(PATH, GOOD).status_code == 401
    assert not RunnerProfile.objects.exists()


def test_under_nineteen_is_refused(api: Api, alice: User, now: dt.datetime) -> None:
    today = policy.korean_date(now)
    too_young = dt.date(today.year - 18, 1, 1)
    answer = api(alice).post(PATH, {**GOOD, "birth_date": too_young.isoformat()})
    assert answer.status_code == 403
    assert answer.json()["code"] == "too_young"
    assert not RunnerProfile.objects.exists()


def test_nineteen_by_the_korean_date(alice: User) -> None:
    born = dt.date(2007, 11, 23)
    details: dict[str, Any] = {"introduction": "", "kinds": ["help"], "max_kg": 5, "max_bags": 1}
    still_eighteen = dt.datetime(2026, 11, 22, 14, 59, tzinfo=dt.UTC)
    with pytest.raises(NotAllowed) as refusal:
        services.runner_apply(user=alice, birth_date=born, now=still_eighteen, **details)
    assert refusal.value.code == "too_young"
    nineteen = dt.datetime(2026, 11, 22, 15, 0, tzinfo=dt.UTC)
    profile = services.runner_apply(user=alice, birth_date=born, now=nineteen, **details)
    assert profile.state == RunnerState.APPLIED


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"birth_date": None}, "birth_date"),
        ({"birth_date": "1999-13-01"}, "birth_date"),
        ({"birth_date": "2999-01-01"}, "birth_date"),
        ({"birth_date": "1899-12-31"}, "birth_date"),
        ({"birth_date": 5}, "birth_date"),
        ({"kinds": []}, "kinds"),
        ({"kinds": "delivery"}, "kinds"),
        ({"kinds": ["medicine"]}, "kinds"),
        ({"kinds": [1]}, "kinds"),
        ({"kinds": ["help"] * 5}, "kinds"),
        ({"max_kg": 0}, "max_kg"),
        ({"max_kg": 31}, "max_kg"),
        ({"max_kg": "5"}, "max_kg"),
        ({"max_kg": 5.0}, "max_kg"),
        ({"max_bags": True}, "max_bags"),
        ({"max_bags": 11}, "max_bags"),
        ({"introduction": "가" * 301}, "introduction"),
        ({"introduction": "\x00"}, "introduction"),
        ({"introduction": "a\x1bb"}, "introduction"),
        ({"introduction": 5}, "introduction"),
        ({"state": "approved"}, "state"),
        ({"user": "someone"}, "user"),
    ],
)
def test_bad_input_stores_nothing(
    api: Api, alice: User, change: dict[str, Any], field: str
) -> None:
    answer = api(alice).post(PATH, {**GOOD, **change})
    assert answer.status_code == 400
    assert any(error["field"].startswith(field) for error in answer.json()["errors"])
    assert not RunnerProfile.objects.exists()


@pytest.mark.parametrize("state", [RunnerState.APPLIED, RunnerState.APPROVED, RunnerState.PAUSED])
def test_applying_again_too_early_is_409(api: Api, bob: User, state: RunnerState) -> None:
    RunnerProfile.objects.update(state=state)
    answer = api(bob).post(PATH, GOOD)
    assert answer.status_code == 409
    assert answer.json()["code"] == "already_applied"
    assert answer.json()["state"] == state
    assert RunnerProfile.objects.get().birth_date == dt.date(1995, 3, 1)


def test_applying_again_after_a_rejection(api: Api, bob: User, dana: User) -> None:
    RunnerProfile.objects.update(
        state=RunnerState.REJECTED, reviewed_by=dana, review_note="Unreadable."
    )
    answer = api(bob).post(PATH, GOOD)
    assert answer.status_code == 201
    profile = RunnerProfile.objects.get()
    assert profile.state == RunnerState.APPLIED
    assert profile.birth_date == dt.date(1999, 5, 1)
    assert (profile.reviewed_by, profile.review_note) == (None, "")


def test_the_same_key_applies_once(api: Api, alice: User) -> None:
    client = api(alice)
    first, again = (client.post(PATH, GOOD, headers={"Idempotency-Key": "k"}) for _ in "12")
    assert first.status_code == again.status_code == 201
    assert first.json() == again.json()
    other = client.post(PATH, {**GOOD, "max_kg": 9}, headers={"Idempotency-Key": "k"})
    assert other.status_code == 422
    assert RunnerProfile.objects.get().max_kg == 8


class TestServiceChecksForItself:
    """What the REST input refuses already, for callers that don't come through it."""

    def apply(self, user: User, **change: Any) -> RunnerProfile:
        given: dict[str, Any] = {
            "birth_date": dt.date(1999, 5, 1),
            "introduction": "",
            "kinds": ["help"],
            "max_kg": 5,
            "max_bags": 1,
            "now": dt.datetime(2026, 11, 23, tzinfo=dt.UTC),
        }
        return services.runner_apply(user=user, **(given | change))

    @pytest.mark.parametrize(
        ("change", "code"),
        [
            ({"birth_date": dt.date(2030, 1, 1)}, "bad_birth_date"),
            ({"kinds": ["medicine"]}, "bad_kinds"),
            ({"kinds": []}, "bad_kinds"),
            ({"max_kg": 0}, "bad_capacity"),
            ({"max_bags": 99}, "bad_capacity"),
        ],
    )
    def test_bad_values(self, alice: User, change: dict[str, Any], code: str) -> None:
        with pytest.raises(Invalid) as refusal:
            self.apply(alice, **change)
        assert refusal.value.code == code
        assert not RunnerProfile.objects.exists()

    def test_twice(self, alice: User) -> None:
        self.apply(alice)
        with pytest.raises(Conflict):
            self.apply(alice)
