"""Why nobody was asked: written down once for each reason, and shown to the staff."""

from __future__ import annotations

import datetime as dt
import re
from html import unescape

import pytest
from django.test import Client
from django.urls import reverse
from pytest_django import Settings

from accounts.models import RunnerProfile, User
from common.redis import client as redis_client
from dispatch import services
from dispatch.matching.shapes import NonOffer
from dispatch.models import NoOffer, Reason, Solve
from errands.models import Errand
from tests.conftest import make_runner
from tests.dispatch.scene import offered, opened, stand

MINUTE = dt.timedelta(minutes=1)


@pytest.fixture
def errand(alice: User, now: dt.datetime) -> Errand:
    return opened(alice, now=now)


def reasons(errand: Errand) -> list[str]:
    return list(
        NoOffer.objects.filter(errand=errand).order_by("id").values_list("reason", flat=True)
    )


def test_a_run_without_a_match_says_why(errand: Errand, bob: User, now: dt.datetime) -> None:
    RunnerProfile.objects.filter(user=bob).update(kinds=["queue"])
    stand(bob, 100, now=now)
    assert services.match_area(area=errand.area, now=now) == 0
    solve = Solve.objects.get()
    assert (solve.errands, solve.runners, solve.offered) == (1, 1, 0)
    why = solve.unmatched.get()
    assert (why.errand, why.reason, why.near, why.allowed) == (errand, Reason.ALL_EXCLUDED, 1, 0)


def test_it_says_so_again_only_when_the_reason_is_another(
    errand: Errand, bob: User, now: dt.datetime
) -> None:
    for _again in range(3):
        services.match_area(area=errand.area, now=now)
    assert (Solve.objects.count(), reasons(errand)) == (1, [Reason.NO_RUNNER_IN_REACH])
    RunnerProfile.objects.filter(user=bob).update(kinds=["queue"])
    stand(bob, 100, now=now)
    for _again in range(2):
        services.match_area(area=errand.area, now=now)
    assert Solve.objects.count() == 2
    assert reasons(errand) == [Reason.NO_RUNNER_IN_REACH, Reason.ALL_EXCLUDED]


def test_after_an_offer_the_same_reason_is_news_again(
    errand: Errand, bob: User, now: dt.datetime
) -> None:
    services.match_area(area=errand.area, now=now)
    offer = offered(errand, bob, now=now)
    services.offer_decline(offer_id=offer.pk, runner=bob, now=now)
    services.duty_off(user=bob, now=now)
    services.match_area(area=errand.area, now=now)
    assert reasons(errand) == 2 * [Reason.NO_RUNNER_IN_REACH]


def test_a_run_that_matches_some_says_why_not_the_others(
    errand: Errand, alice: User, bob: User, now: dt.datetime
) -> None:
    heavy = opened(alice, now=now, weight_kg=11)
    stand(bob, 100, now=now)
    assert services.match_area(area=errand.area, now=now) == 1
    assert reasons(errand) == []
    assert reasons(heavy) == [Reason.NO_CAPACITY]


def test_an_empty_redis_only_repeats_it(errand: Errand, now: dt.datetime) -> None:
    services.match_area(area=errand.area, now=now)
    redis_client().flushdb()
    services.match_area(area=errand.area, now=now)
    assert reasons(errand) == 2 * [Reason.NO_RUNNER_IN_REACH]


def test_walks_that_the_router_left_to_the_estimate_are_counted(
    errand: Errand, bob: User, now: dt.datetime, settings: Settings
) -> None:
    settings.WALKING_ROUTER_URL = "osrm+http://127.0.0.1:1"  # nobody listens there
    stand(bob, 100, now=now)
    assert services.match_area(area=errand.area, now=now) == 1
    assert Solve.objects.get().estimated > 0


def test_what_matching_may_say_has_its_words() -> None:
    said = re.findall(r"[a-z]+(?:_[a-z]+)*", NonOffer.__doc__ or "")
    assert set(Reason.values) >= {word for word in said if "_" in word}


def test_a_forgotten_run_takes_its_reasons_along(errand: Errand, now: dt.datetime) -> None:
    services.match_area(area=errand.area, now=now)
    services.forget_old(now=now + dt.timedelta(days=31))
    assert not Solve.objects.exists()
    assert not NoOffer.objects.exists()


# --- Pages ---------------------------------------------------------------------------------
def words(client: Client, row: Errand | Solve) -> str:
    meta = type(row)._meta
    page = reverse(f"admin:{meta.app_label}_{meta.model_name}_change", args=[row.pk])
    text = unescape(re.sub(r"<[^>]+>", " ", client.get(page).content.decode()))
    return re.sub(r"\s+", " ", text)


def test_staff_read_it_on_the_pages_of_the_errand_and_of_the_run(
    errand: Errand, dana: User, client: Client, now: dt.datetime
) -> None:
    for number in range(3):
        runner = make_runner(f"runner{number}")
        RunnerProfile.objects.filter(user=runner).update(kinds=["queue"] if number else ["help"])
        stand(runner, 100, now=now)
    services.match_area(area=errand.area, now=now)
    client.force_login(dana)
    for page in (words(client, errand), words(client, Solve.objects.get())):
        assert str(Reason.ALL_EXCLUDED.label) in page
        assert "3 → 0 → 0 → 0" in page
    assert errand.title in words(client, Solve.objects.get())
