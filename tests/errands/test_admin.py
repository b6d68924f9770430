"""The errand's page tells everything, and opens for staff alone."""

from __future__ import annotations

import datetime as dt
import re

import pytest
from django.test import Client
from django.urls import reverse

from accounts.models import User
from common import clock
from common.geo import REGION, Point, area_of
from errands import services
from errands.admin.words import FAULTS, MOVES, REASONS, ROLES
from errands.models import AreaCondition, Errand, ErrandEvent
from errands.policy import Fault, Reason
from errands.selectors import regions_lately
from errands.states import Move, Role, State
from payments.models import Payment, Refund
from tests.conftest import PICKUP, make_errand, pay_for, walk
from tests.errands.staff_pages import (
    DIALOG,
    LISTS,
    clerk,
    list_of,
    page_of,
    state_of,
    text_of,
)

pytestmark = pytest.mark.django_db

BUSAN = Point(35.1151, 129.0414)


# --- Looking -----------------------------------------------------------------------------


def test_one_page_tells_the_whole_story(
    staff: Client, alice: User, bob: User, disputed: Errand, now: dt.datetime
) -> None:
    text = text_of(staff.get(page_of(disputed)))
    for event in ErrandEvent.objects.filter(errand=disputed):
        assert f"{MOVES[event.move]}" in text
        assert f"#{event.sequence} " in text
    assert "상자가 열려 있어요" in text
    assert "₩10,000" in text
    assert "₩11,000" in text
    assert Payment.objects.get().order_id in text
    html = staff.get(page_of(disputed)).content.decode()
    assert html.count("<figure>") == 2
    assert f'href="/t/{disputed.tracking_token}"' in html
    assert 'href="/admin/live-map/"' in html
    for user in (alice, bob):
        assert reverse("admin:accounts_user_change", args=[user.pk]) in html


def test_the_page_of_one_that_ended_shows_its_money_and_reviews(
    staff: Client, alice: User, bob: User, disputed: Errand, dana: User, now: dt.datetime
) -> None:
    services.errand_resolve(
        errand_id=disputed.pk, staff=dana, runner_percent=40, reason="반반", now=now
    )
    services.review_give(
        errand_id=disputed.pk, author=bob, stars=2, tags=["late"], comment="늦은 답", now=now
    )
    text = text_of(staff.get(page_of(disputed)))
    assert "40 %: 반반" in text
    assert Refund.objects.get().reference in text
    assert "-₩6,600" in text
    assert "₩4,000" in text
    assert "★★ " in text
    assert "늦은 답" in text


def test_a_position_says_how_far_it_is_from_the_place(staff: Client, disputed: Errand) -> None:
    event = ErrandEvent.objects.filter(errand=disputed, move=Move.ARRIVE).earliest("sequence")
    page = staff.get(page_of(disputed), headers={"accept-language": "en"})
    assert f"{event.lat:.5f}, {event.lng:.5f} · 0 m from the pickup" in text_of(page)


def test_a_return_says_whose_doing_it_was(
    staff: Client, alice: User, bob: User, now: dt.datetime
) -> None:
    errand = walk(pay_for(make_errand(alice)), bob, State.PICKED_UP)
    services.errand_return(
        errand_id=errand.pk, runner=bob, reason=Reason.WRONG_ADDRESS, note="그런 동이 없어요",
        photo_id=None, position=None, now=now,
    )  # fmt: skip
    text = text_of(staff.get(page_of(errand)))
    assert str(FAULTS[Fault.UNPROVEN]) in text
    assert str(REASONS[Reason.WRONG_ADDRESS]) in text
    assert "그런 동이 없어요" in text
    assert "unproven:" not in text


def test_the_pins_are_not_for_staff(staff: Client, alice: User) -> None:
    errand = make_errand(alice, ask_pickup_pin=True)
    Errand.objects.filter(pk=errand.pk).update(pickup_pin="8317")
    assert "8317" not in text_of(staff.get(page_of(errand)))


def test_what_people_wrote_cannot_become_part_of_the_page(staff: Client, alice: User) -> None:
    errand = make_errand(alice, title="<script>x</script>", note="<b>y</b>")
    html = staff.get(page_of(errand)).content.decode()
    assert "<script>x" not in html
    assert "<b>y" not in html


def test_every_code_has_its_words() -> None:
    assert set(MOVES) == set(Move)
    assert set(ROLES) == set(Role)
    assert set(REASONS) == set(Reason)
    assert set(FAULTS) == set(Fault)


def test_every_state_is_shown_in_words(staff: Client, alice: User) -> None:
    errand = make_errand(alice)
    for state in State:
        Errand.objects.filter(pk=errand.pk).update(state=state)
        shown = str(Errand.objects.get(pk=errand.pk).get_state_display())
        for page in (staff.get(list_of("errand")), staff.get(page_of(errand))):
            assert shown in text_of(page)
            assert not re.search(rf">\s*{state}\s*<", page.content.decode())


@pytest.mark.parametrize("asked", ["title", "e-mail", "number", "state", "kind", "area", "date"])
def test_finding_an_errand(staff: Client, alice: User, bob: User, asked: str) -> None:
    wanted = make_errand(alice, title="케이크 픽업")
    other = pay_for(make_errand(bob))
    Errand.objects.filter(pk=other.pk).update(
        kind="help", area=area_of(BUSAN), created_at=clock.now() - dt.timedelta(days=3)
    )
    query = {
        "title": {"q": "케이크"},
        "e-mail": {"q": "alice@"},
        "number": {"q": str(wanted.pk)},
        "state": {"state__in": "awaiting_payment,disputed"},
        "kind": {"kind__exact": "delivery"},
        "area": {"area": area_of(PICKUP, REGION)},
        "date": {"created_at__gte": str(clock.now() - dt.timedelta(days=1))},
    }[asked]
    page = staff.get(list_of("errand"), query)
    assert page.context["cl"].result_list.get() == wanted
    assert "₩" in text_of(page)


def test_regions_are_known_by_an_address_in_them(alice: User) -> None:
    make_errand(alice)
    assert regions_lately() == {area_of(PICKUP, REGION): "서울 마포구 양화로 160"}


# --- Who may -----------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["requester", "nobody"])
def test_others_are_sent_to_the_log_in(client: Client, disputed: Errand, name: str) -> None:
    if name == "requester":
        client.force_login(disputed.requester)
    for page in (*map(list_of, LISTS), page_of(disputed), page_of(disputed, "stop")):
        answer = client.post(page, {**DIALOG, "reason": "x"})
        assert answer.status_code == 302, page
        assert answer["Location"].startswith("/admin/login/")
    assert state_of(disputed) == State.DISPUTED


def test_looking_needs_the_permission(client: Client, disputed: Errand) -> None:
    assert clerk(client).get(page_of(disputed)).status_code == 403


def test_who_may_look_may_not_act(client: Client, disputed: Errand) -> None:
    viewer = clerk(client, "view_errand", "view_areacondition")
    page = viewer.get(page_of(disputed))
    assert page.status_code == 200
    assert page_of(disputed, "stop") not in page.content.decode()
    for action in ("stop", "resolve"):
        form = {**DIALOG, "reason": "x", "runner_percent": "0"}
        assert viewer.post(page_of(disputed, action), form).status_code == 403
    weather = {**DIALOG, "area": disputed.area, "hours": "1"}
    assert viewer.post(f"{list_of('areacondition')}bad-weather/", weather).status_code == 403
    assert state_of(disputed) == State.DISPUTED
    assert not AreaCondition.objects.exists()


@pytest.mark.parametrize("name", LISTS)
def test_nothing_is_added_changed_or_deleted_by_form(
    staff: Client, dana: User, disputed: Errand, now: dt.datetime, name: str
) -> None:
    services.area_condition_set(area=area_of(BUSAN), until=now, by=dana, now=now)
    assert staff.get(f"{list_of(name)}add/").status_code == 403
    body = {"action": "delete_selected", "_selected_action": str(disputed.pk), "post": "yes"}
    staff.post(list_of(name), body)
    if name == "errand":
        assert staff.post(page_of(disputed), {"title": "x"}).status_code == 403
        assert staff.post(page_of(disputed, "delete"), {"post": "yes"}).status_code == 403
    kept = Errand.objects.get(pk=disputed.pk)
    assert (kept.title, kept.version) == (disputed.title, disputed.version)
    assert AreaCondition.objects.count() == 1
