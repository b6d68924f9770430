"""The errand's page tells everything, and staff act through services only."""

from __future__ import annotations

import datetime as dt
import re
from html import unescape
from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from accounts.models import User
from common.geo import area_of
from errands import services
from errands.admin.words import FAULTS, MOVES, REASONS, ROLES
from errands.models import AreaCondition, Errand, ErrandEvent, PhotoPurpose
from errands.policy import Fault, Reason
from errands.selectors import areas_lately, bad_weather
from errands.states import Move, Role, State
from payments import escrow
from payments.models import Payment, Refund
from payments.selectors import balance_of_user
from tests.conftest import PICKUP, make_errand, make_photo, make_user, pay_for, walk

pytestmark = pytest.mark.django_db

DIALOG = {"_form_submitted": "on"}
LISTS = ["errand", "quote", "review", "areacondition"]
PAGE_QUERIES = 24


@pytest.fixture
def staff(client: Client, dana: User) -> Client:
    client.force_login(dana)
    return client


@pytest.fixture
def disputed(alice: User, bob: User) -> Errand:
    errand = walk(pay_for(make_errand(alice, reward=10_000)), bob, State.DELIVERED)
    return services.errand_object(
        errand_id=errand.pk, requester=alice, note="상자가 열려 있어요", now=timezone.now()
    )


def clerk(client: Client, *codenames: str) -> Client:
    """Log in someone of the staff who has only these permissions."""
    user = make_user("erin")
    User.objects.filter(pk=user.pk).update(is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename__in=codenames))
    client.force_login(user)
    return client


def page_of(errand: Errand, action: str = "change") -> str:
    return f"/admin/errands/errand/{errand.pk}/{action}/"


def list_of(name: str) -> str:
    return reverse(f"admin:errands_{name}_changelist")


def text_of(answer: Any) -> str:
    """The words of a page, without its marks."""
    text = unescape(re.sub(r"<[^>]+>", " ", answer.content.decode()))
    return re.sub(r"\s+", " ", text)


def level_of(client: Client, errand: Errand) -> list[str]:
    shown = client.get(page_of(errand)).context["messages"]
    return [message.level_tag for message in shown]


def state_of(errand: Errand) -> str:
    return Errand.objects.get(pk=errand.pk).state


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


def test_the_page_asks_a_fixed_number_of_times(
    staff: Client, alice: User, bob: User, dana: User, disputed: Errand, now: dt.datetime,
    django_assert_max_num_queries: DjangoAssertNumQueries,
) -> None:  # fmt: skip
    with django_assert_max_num_queries(PAGE_QUERIES):
        staff.get(page_of(disputed))
    for _more in range(4):
        make_photo(disputed, bob, PhotoPurpose.INCIDENT)
        make_photo(disputed, alice, PhotoPurpose.INCIDENT)
    services.errand_resolve(
        errand_id=disputed.pk, staff=dana, runner_percent=40, reason="반반", now=now
    )
    for author in (alice, bob):
        services.review_give(
            errand_id=disputed.pk, author=author, stars=3, tags=[], comment="", now=now
        )
    with django_assert_max_num_queries(PAGE_QUERIES):
        staff.get(page_of(disputed))


def test_lists_ask_no_more_for_more_rows(
    staff: Client, alice: User, bob: User, dana: User, disputed: Errand, now: dt.datetime,
    django_assert_max_num_queries: DjangoAssertNumQueries,
) -> None:  # fmt: skip
    services.errand_resolve(
        errand_id=disputed.pk, staff=dana, runner_percent=40, reason="반반", now=now
    )
    review: dict[str, Any] = {
        "errand_id": disputed.pk,
        "stars": 3,
        "tags": [],
        "comment": "",
        "now": now,
    }
    services.review_give(author=alice, **review)
    services.area_condition_set(area="1:1", until=now, by=dana, now=now)
    few = {}
    for name in LISTS:
        with CaptureQueriesContext(connection) as asked:
            assert staff.get(list_of(name)).status_code == 200
        few[name] = len(asked)
    services.review_give(author=bob, **review)
    for number in range(5):
        make_errand(make_user(f"asker{number}"))
        services.area_condition_set(area=f"2:{number}", until=now, by=alice, now=now)
    for name in LISTS:
        with django_assert_max_num_queries(few[name]):
            staff.get(list_of(name))


@pytest.mark.parametrize("asked", ["title", "e-mail", "number", "state", "kind", "area", "date"])
def test_finding_an_errand(staff: Client, alice: User, bob: User, asked: str) -> None:
    wanted = make_errand(alice, title="케이크 픽업")
    other = pay_for(make_errand(bob))
    Errand.objects.filter(pk=other.pk).update(
        kind="help", area="1:1", created_at=timezone.now() - dt.timedelta(days=3)
    )
    query = {
        "title": {"q": "케이크"},
        "e-mail": {"q": "alice@"},
        "number": {"q": str(wanted.pk)},
        "state": {"state__in": "awaiting_payment,disputed"},
        "kind": {"kind__exact": "delivery"},
        "area": {"area": area_of(PICKUP)},
        "date": {"created_at__gte": str(timezone.now() - dt.timedelta(days=1))},
    }[asked]
    page = staff.get(list_of("errand"), query)
    assert page.context["cl"].result_list.get() == wanted
    assert "₩" in text_of(page)


def test_areas_are_known_by_an_address_in_them(alice: User) -> None:
    make_errand(alice)
    assert areas_lately() == {area_of(PICKUP): "서울 마포구 양화로 160"}


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
    services.area_condition_set(area="1:1", until=now, by=dana, now=now)
    assert staff.get(f"{list_of(name)}add/").status_code == 403
    body = {"action": "delete_selected", "_selected_action": str(disputed.pk), "post": "yes"}
    staff.post(list_of(name), body)
    if name == "errand":
        assert staff.post(page_of(disputed), {"title": "x"}).status_code == 403
        assert staff.post(page_of(disputed, "delete"), {"post": "yes"}).status_code == 403
    kept = Errand.objects.get(pk=disputed.pk)
    assert (kept.title, kept.version) == (disputed.title, disputed.version)
    assert AreaCondition.objects.count() == 1


# --- Stopping ----------------------------------------------------------------------------


def test_stopping_sends_everything_back(staff: Client, alice: User, bob: User, dana: User) -> None:
    errand = walk(pay_for(make_errand(alice, reward=10_000)), bob, State.PICKED_UP)
    answer = staff.post(page_of(errand, "stop"), {**DIALOG, "reason": "금지 품목"})
    assert answer["HX-Redirect"] == page_of(errand)
    assert state_of(errand) == State.CANCELLED
    last = ErrandEvent.objects.filter(errand=errand).latest("sequence")
    assert (last.move, last.role, last.actor, last.note) == ("stop", "staff", dana, "금지 품목")
    assert Refund.objects.get().amount == 11_000
    assert level_of(staff, errand) == ["success"]


@pytest.mark.parametrize("reason", ["", "   ", "가" * 201])
def test_stopping_needs_a_reason(staff: Client, disputed: Errand, reason: str) -> None:
    answer = staff.post(page_of(disputed, "stop"), {**DIALOG, "reason": reason})
    assert "HX-Redirect" not in answer.headers
    assert answer.status_code == 200
    assert state_of(disputed) == State.DISPUTED
    assert escrow.escrow_held(disputed.reference) == 11_000


@pytest.mark.parametrize("action", ["stop", "resolve"])
def test_a_link_alone_does_nothing(staff: Client, disputed: Errand, action: str) -> None:
    before = ErrandEvent.objects.count()
    query = {**DIALOG, "reason": "x", "runner_percent": "40"}
    assert staff.get(page_of(disputed, action), query).status_code == 200
    assert state_of(disputed) == State.DISPUTED
    assert ErrandEvent.objects.count() == before


def test_only_what_the_state_permits_is_offered(
    staff: Client, alice: User, disputed: Errand, now: dt.datetime
) -> None:
    over = make_errand(alice)
    services.errand_cancel(errand_id=over.pk, requester=alice, note="", now=now)
    going = pay_for(make_errand(alice))
    for errand, offered in [(disputed, {"stop", "resolve"}), (going, {"stop"}), (over, set())]:
        html = staff.get(page_of(errand)).content.decode()
        assert {a for a in ("stop", "resolve") if page_of(errand, a) in html} == offered


def test_a_refusal_is_shown(staff: Client, alice: User, now: dt.datetime) -> None:
    errand = make_errand(alice)
    services.errand_cancel(errand_id=errand.pk, requester=alice, note="", now=now)
    answer = staff.post(page_of(errand, "stop"), {**DIALOG, "reason": "늦었다"})
    assert answer["HX-Redirect"] == page_of(errand)
    assert level_of(staff, errand) == ["error"]
    assert state_of(errand) == State.CANCELLED


@pytest.mark.parametrize("action", ["stop", "resolve"])
@pytest.mark.parametrize("key", ["01900000-0000-7000-8000-000000000000", "nonsense"])
def test_what_is_not_there_is_404(staff: Client, action: str, key: str) -> None:
    form = {**DIALOG, "reason": "x", "runner_percent": "1"}
    assert staff.post(f"/admin/errands/errand/{key}/{action}/", form).status_code == 404


# --- Deciding a dispute ------------------------------------------------------------------


def resolve(client: Client, errand: Errand, percent: object, reason: str = "둘 다 조금씩") -> Any:
    form = {**DIALOG, "runner_percent": str(percent), "reason": reason}
    return client.post(page_of(errand, "resolve"), form)


@pytest.mark.parametrize(
    ("percent", "pay", "back", "state"),
    [
        (40, 4_000, 6_600, State.COMPLETED),
        (0, 0, 11_000, State.REFUNDED),
        (100, 10_000, 0, State.COMPLETED),
    ],
)
def test_deciding_splits_what_is_held(
    staff: Client, bob: User, dana: User, disputed: Errand,
    percent: int, pay: int, back: int, state: State,
) -> None:  # fmt: skip
    assert resolve(staff, disputed, percent)["HX-Redirect"] == page_of(disputed)
    assert state_of(disputed) == state
    assert balance_of_user(bob) == pay
    assert sum(Refund.objects.values_list("amount", flat=True)) == back
    assert escrow.escrow_held(disputed.reference) == 0
    last = ErrandEvent.objects.filter(errand=disputed).latest("sequence")
    assert (last.role, last.actor, last.note) == ("staff", dana, f"{percent} %: 둘 다 조금씩")


@pytest.mark.parametrize("percent", ["", "-1", "101", "40.5", "half"])
def test_a_share_that_is_none_is_an_error_of_the_form(
    staff: Client, disputed: Errand, percent: str
) -> None:
    answer = resolve(staff, disputed, percent)
    assert "HX-Redirect" not in answer.headers
    assert "runner_percent" in answer.content.decode()
    assert state_of(disputed) == State.DISPUTED


def test_deciding_needs_a_reason(staff: Client, disputed: Errand) -> None:
    assert "HX-Redirect" not in resolve(staff, disputed, 40, " ").headers
    assert state_of(disputed) == State.DISPUTED


def test_deciding_twice_pays_once(staff: Client, bob: User, disputed: Errand) -> None:
    resolve(staff, disputed, 40)
    resolve(staff, disputed, 90)
    assert level_of(staff, disputed)[-1] == "error"
    assert balance_of_user(bob) == 4_000


def test_the_split_is_seen_before_it_is_made(staff: Client, disputed: Errand) -> None:
    examples = text_of(staff.get(page_of(disputed, "resolve")))
    assert "50 ₩5,000 ₩500 ₩5,500" in examples
    asked = text_of(staff.get(page_of(disputed, "resolve"), {"runner_percent": "40"}))
    assert "40 ₩4,000 ₩400 ₩6,600" in asked
    nonsense = staff.get(page_of(disputed, "resolve"), {"runner_percent": "١٢٣"})
    assert nonsense.status_code == 200


# --- Bad weather -------------------------------------------------------------------------


def test_bad_weather_is_turned_on_and_off(staff: Client, dana: User, alice: User) -> None:
    area = make_errand(alice).area
    on = {**DIALOG, "area": area, "hours": "3"}
    answer = staff.post(f"{list_of('areacondition')}bad-weather/", on)
    assert answer["HX-Redirect"] == list_of("areacondition")
    condition = AreaCondition.objects.get()
    assert condition.set_by == dana
    later = timezone.now() + dt.timedelta(hours=2, minutes=59)
    assert bad_weather(area=area, now=later)
    assert not bad_weather(area=area, now=later + dt.timedelta(minutes=2))
    assert "서울 마포구 양화로 160" in text_of(staff.get(list_of("areacondition")))
    page = f"{list_of('areacondition')}{condition.pk}/"
    assert staff.get(f"{page}change/").status_code == 200
    staff.get(f"{page}off/")
    assert bad_weather(area=area, now=timezone.now())
    staff.post(f"{page}off/", DIALOG)
    assert not bad_weather(area=area, now=timezone.now())
    assert AreaCondition.objects.count() == 1


@pytest.mark.parametrize("wrong", [{"hours": "0"}, {"hours": "73"}, {"area": "9:9"}, {"hours": ""}])
def test_bad_weather_somewhere_or_for_ever_is_refused(
    staff: Client, alice: User, wrong: dict[str, str]
) -> None:
    form = {**DIALOG, "area": make_errand(alice).area, "hours": "3", **wrong}
    answer = staff.post(f"{list_of('areacondition')}bad-weather/", form)
    assert "HX-Redirect" not in answer.headers
    assert not AreaCondition.objects.exists()
