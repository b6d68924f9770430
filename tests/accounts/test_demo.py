"""``manage.py demo``: the same people every time, and only where DEBUG is on."""

from __future__ import annotations

from io import StringIO

import pytest
from allauth.account.models import EmailAddress
from django.core.management import CommandError, call_command
from django.test import Client
from pytest_django import Settings

from accounts.models import RunnerProfile, RunnerState, User

pytestmark = pytest.mark.django_db
PASSWORD = "for-looking-around-1"


@pytest.fixture(autouse=True)
def development(settings: Settings) -> None:
    settings.DEBUG = True
    settings.DEMO_STAFF_PASSWORD = PASSWORD


def demo() -> str:
    out = StringIO()
    call_command("demo", stdout=out)
    return out.getvalue()


def test_it_prints_the_staff_login_and_that_login_opens_the_admin(client: Client) -> None:
    printed = demo()
    assert "staff@example.com" in printed
    assert PASSWORD in printed
    form = {"username": "staff@example.com", "password": PASSWORD}
    answer = client.post("/admin/login/?next=/admin/", form)
    assert (answer.status_code, answer.headers["location"]) == (302, "/admin/")


def test_twice_is_as_once_and_keeps_sessions() -> None:
    first = demo()
    hashes = list(User.objects.order_by("id").values_list("email", "password"))
    assert demo() == first
    assert list(User.objects.order_by("id").values_list("email", "password")) == hashes
    assert len(hashes) == EmailAddress.objects.filter(verified=True, primary=True).count() == 3


def test_a_new_password_is_taken_over(settings: Settings) -> None:
    demo()
    settings.DEMO_STAFF_PASSWORD = "another-one-2"
    demo()
    assert User.objects.get(email="staff@example.com").check_password("another-one-2")


def test_the_runner_is_approved_by_the_staff_member() -> None:
    demo()
    profile = RunnerProfile.objects.get(user__email="runner@example.com")
    assert profile.state == RunnerState.APPROVED
    assert profile.reviewed_by is not None
    assert profile.reviewed_by.email == "staff@example.com"
    assert not User.objects.get(email="requester@example.com").is_staff


def test_a_paused_demo_runner_stays_as_staff_left_it() -> None:
    demo()
    RunnerProfile.objects.update(state=RunnerState.PAUSED)
    demo()
    assert RunnerProfile.objects.get().state == RunnerState.PAUSED


@pytest.mark.parametrize(("debug", "password"), [(False, PASSWORD), (True, "")])
def test_it_refuses_elsewhere_and_makes_nobody(
    settings: Settings, debug: bool, password: str
) -> None:
    settings.DEBUG, settings.DEMO_STAFF_PASSWORD = debug, password
    with pytest.raises(CommandError, match=r"DEBUG|DEMO_STAFF_PASSWORD"):
        demo()
    assert not User.objects.exists()
