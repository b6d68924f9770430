"""The pages as the server makes them; tests/live/test_pages.py looks at them in a browser."""

from __future__ import annotations

import json
import re
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.test import Client, RequestFactory
from django.urls import reverse
from django.utils import timezone
from django.views.defaults import server_error
from pytest_django import Settings

from accounts.models import User
from common import clock
from errands.models import Errand
from errands.states import State
from tests.conftest import make_errand, pay_for, walk

ELSEWHERE = re.compile(r"""(?:src|href|action)\s*=\s*["'](?:[a-z]+:)?//""", re.IGNORECASE)


@pytest.fixture
def carried(alice: User, bob: User) -> Errand:
    return walk(pay_for(make_errand(alice)), bob, State.PICKED_UP)


def page_of(errand: Errand) -> str:
    return f"/t/{errand.tracking_token}"


def given_to_script(html: str) -> Any:
    found = re.search(r'<script id="page-data" type="application/json">(.*?)</script>', html)
    assert found
    return json.loads(found[1])


def end(errand: Errand, *, at: datetime) -> None:
    Errand.objects.filter(pk=errand.pk).update(state=State.COMPLETED, ended_at=at)


# --- Landing -----------------------------------------------------------------------------


@pytest.mark.django_db
def test_the_landing_page_is_korean_first(client: Client) -> None:
    html = client.get("/").content.decode()
    assert '<html lang="ko">' in html
    for address in ("/api/docs/", "/api/redoc/", "/admin/"):
        assert f'href="{address}"' in html


@pytest.mark.django_db
def test_it_says_what_the_settings_say(client: Client, settings: Settings) -> None:
    settings.MINIMUM_WAGE = {timezone.localtime().year: 12_345}
    html = client.get("/").content.decode()
    assert "₩12,345" in html


@pytest.mark.django_db
def test_only_a_sandbox_says_that_it_is_one(client: Client, settings: Settings) -> None:
    assert 'class="notice"' not in client.get("/").content.decode()
    settings.SANDBOX = True
    assert 'class="notice"' in client.get("/").content.decode()


def test_the_counters_count(client: Client, alice: User, bob: User, carried: Errand) -> None:
    done = pay_for(make_errand(alice))
    end(done, at=clock.now())
    assert client.get("/pulse.json").json() == {
        "runners_on_duty": 1,
        "errands_underway": 1,
        "completed_today": 1,
    }


def test_yesterdays_work_is_not_todays(client: Client, alice: User) -> None:
    end(make_errand(alice), at=clock.now() - timedelta(days=1))
    assert client.get("/pulse.json").json()["completed_today"] == 0


@pytest.mark.django_db
def test_many_visitors_cost_one_count(client: Client, django_assert_num_queries: Any) -> None:
    client.get("/pulse.json")
    with django_assert_num_queries(0):
        client.get("/pulse.json")


# --- Tracking ----------------------------------------------------------------------------


def test_a_tracking_page_shows_the_state(client: Client, carried: Errand) -> None:
    response = client.get(page_of(carried))
    assert response.status_code == 200
    data = given_to_script(response.content.decode())
    assert data["data"]["state"] == "picked_up"
    assert data["socket"] == f"ws://testserver/ws/track/{carried.tracking_token}/"
    assert client.get(data["api"]).json()["state"] == "picked_up"


def test_a_tracking_page_and_its_data_name_nobody(client: Client, carried: Errand) -> None:
    html = client.get(page_of(carried)).content.decode()
    told = html + client.get(given_to_script(html)["api"]).content.decode()
    people = [carried.requester, carried.runner]
    secret = {carried.title, carried.pickup_address, str(carried.pk)}
    for person in people:
        assert person
        secret |= {person.nickname, person.email, str(person.pk)}
    assert not {word for word in secret if word in told}


def test_a_tracking_page_shows_places_by_the_block_only(client: Client, carried: Errand) -> None:
    html = client.get(page_of(carried)).content.decode()
    for exact in (carried.pickup_lat, carried.pickup_lng, carried.dropoff_lat):
        assert str(exact) not in html


def test_a_tracking_page_is_kept_by_nobody(client: Client, carried: Errand) -> None:
    response = client.get(page_of(carried))
    assert "no-store" in response["Cache-Control"]
    data = client.get(f"/api/v1/track/{carried.tracking_token}")
    assert "no-store" in data["Cache-Control"]
    assert response["Referrer-Policy"] == "same-origin"
    assert 'name="robots" content="noindex"' in response.content.decode()


@pytest.mark.django_db
def test_an_unknown_link_is_a_friendly_404(client: Client) -> None:
    response = client.get("/t/nobody-knows-this-token")
    assert response.status_code == 404
    assert "24시간" in response.content.decode()


def test_a_link_ends_a_day_after_the_errand(client: Client, carried: Errand) -> None:
    end(carried, at=clock.now() - timedelta(hours=23))
    assert client.get(page_of(carried)).status_code == 200
    end(carried, at=clock.now() - timedelta(hours=25))
    assert client.get(page_of(carried)).status_code == 404


# --- The live map ------------------------------------------------------------------------


def test_the_live_map_is_inside_the_admin(client: Client, dana: User) -> None:
    client.force_login(dana)
    response = client.get(reverse("admin:live_map"))
    assert response.status_code == 200
    html = response.content.decode()
    data = given_to_script(html)
    assert data["socket"] == "ws://testserver/ws/staff/map/"
    assert set(data["states"]) == set(State)
    assert 'id="nav-sidebar"' in html


def test_a_row_of_the_live_map_leads_to_the_errand(
    client: Client, dana: User, carried: Errand
) -> None:
    client.force_login(dana)
    data = given_to_script(client.get(reverse("admin:live_map")).content.decode())
    address = data["errandUrl"].replace(data["blank"], str(carried.pk))
    assert client.get(address).status_code == 200


def test_the_live_map_is_for_staff_only(client: Client, alice: User) -> None:
    login = f"{reverse('admin:login')}?next=/admin/live-map/"
    assert client.get("/admin/live-map/").headers["Location"] == login
    client.force_login(alice)
    assert client.get("/admin/live-map/").headers["Location"] == login


# --- All pages ---------------------------------------------------------------------------


def test_the_language_is_chosen_by_a_form(client: Client, carried: Errand) -> None:
    client.post(reverse("set_language"), {"language": "en", "next": "/"})
    assert "pocket money" in client.get("/").content.decode()
    html = client.get(page_of(carried)).content.decode()
    assert '<html lang="en">' in html
    assert "Follow the runner" in html
    client.post(reverse("set_language"), {"language": "ko", "next": "/"})
    assert "심부름" in client.get("/").content.decode()


def test_no_page_asks_another_host(client: Client, dana: User, carried: Errand) -> None:
    client.force_login(dana)
    for address in ("/", page_of(carried), "/t/unknown", "/admin/live-map/"):
        html = client.get(address).content.decode()
        assert not ELSEWHERE.search(html), address


def test_pages_have_nothing_inline(client: Client, carried: Errand) -> None:
    for address in ("/", page_of(carried), "/t/unknown"):
        response = client.get(address)
        assert "default-src 'self'" in response["Content-Security-Policy"]
        html = response.content.decode()
        assert not re.search(r"<script>|<style|\sstyle=|\son[a-z]+=", html), address


@pytest.mark.django_db
def test_a_tile_server_may_serve_pictures_and_nothing_else(
    client: Client, settings: Settings
) -> None:
    settings.MAP_TILE_URL = "https://{s}.tiles.example/{z}/{x}/{y}.png"
    policy = client.get("/").headers["Content-Security-Policy"]
    assert "img-src 'self' data: https://*.tiles.example;" in policy
    assert policy.count("tiles.example") == 1


def test_sockets_may_be_on_a_port_of_their_own(
    client: Client, settings: Settings, carried: Errand
) -> None:
    settings.SOCKETS_PORT = 8001
    response = client.get(page_of(carried), headers={"Host": "testserver:8000"})
    data = given_to_script(response.content.decode())
    assert data["socket"].startswith("ws://testserver:8001/ws/track/")
    assert "connect-src 'self' ws://testserver:8001;" in response["Content-Security-Policy"]


@pytest.mark.django_db
def test_an_unknown_address_has_a_page_of_its_own(client: Client) -> None:
    response = client.get("/nothing-here")
    assert response.status_code == 404
    assert 'href="/"' in response.content.decode()


def test_a_failure_has_a_page_that_needs_nothing(rf: RequestFactory) -> None:
    response = server_error(rf.get("/"))
    assert response.status_code == 500
    assert 'href="/"' in response.content.decode()


def test_stations_have_names_and_places(client: Client) -> None:
    stations = client.get("/stations.json").json()
    assert len(stations) > 300
    assert {"name", "lat", "lng"} == set(stations[0])
