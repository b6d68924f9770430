"""Staff stop errands, decide disputes and say where the weather is bad: through services only."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from django.test import Client

from accounts.models import User
from common import clock
from common.geo import REGION, area_around
from common.money import won
from errands import services
from errands.models import AreaCondition, Errand, ErrandEvent
from errands.selectors import bad_weather
from errands.states import Kind, State
from payments import escrow
from payments.models import Refund
from payments.selectors import balance_of_user, expenses_of_user
from tests.conftest import make_errand, pay_for, walk
from tests.errands.staff_pages import (
    DIALOG,
    level_of,
    list_of,
    page_of,
    state_of,
    text_of,
)
from tests.errands.test_purchase import buy, carried

pytestmark = pytest.mark.django_db


def bought(alice: User, bob: User, now: dt.datetime) -> Errand:
    """A purchase in the shop: ₩31,000 are held, ₩12,345 were laid out."""
    wanted = make_errand(alice, kind=Kind.PURCHASE, reward=10_000, asked={"budget": 20_000})
    return buy(walk(pay_for(wanted), bob, State.AT_PICKUP), bob, 12_345, now)


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


@pytest.mark.parametrize(("more", "repaid"), [({}, 12_345), ({"goods_unpaid": "on"}, 0)])
def test_stopping_repays_the_goods_or_says_that_it_does_not(
    staff: Client, alice: User, bob: User, now: dt.datetime, more: dict[str, str], repaid: int
) -> None:
    errand = bought(alice, bob, now)
    staff.post(page_of(errand, "stop"), {**DIALOG, "reason": "신고", **more})
    assert state_of(errand) == State.CANCELLED
    assert expenses_of_user(bob) == repaid


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


@pytest.mark.parametrize(("goods", "repaid"), [("", 0), ("yes", 12_345), ("no", 0)])
def test_the_goods_are_decided_on_apart(
    staff: Client, alice: User, bob: User, now: dt.datetime, goods: str, repaid: int
) -> None:
    errand = carried(bought(alice, bob, now), bob, now)
    services.errand_object(errand_id=errand.pk, requester=alice, note="다른 것", now=now)
    asked = {"runner_percent": "0", "goods": goods}
    seen = text_of(staff.get(page_of(errand, "resolve"), asked))
    assert f"0 ₩0 ₩0 {won(repaid)} {won(31_000 - repaid)}" in seen
    staff.post(page_of(errand, "resolve"), {**DIALOG, **asked, "reason": "영수증 확인"})
    assert expenses_of_user(bob) == repaid
    assert state_of(errand) == State.REFUNDED


def test_where_nothing_was_bought_nobody_is_asked_about_goods(
    staff: Client, alice: User, bob: User, disputed: Errand, now: dt.datetime
) -> None:
    asks = bought(alice, bob, now), disputed
    pages = [staff.get(page_of(errand, "stop")).content.decode() for errand in asks]
    assert ["goods_unpaid" in page for page in pages] == [True, False]
    assert 'name="goods"' not in staff.get(page_of(disputed, "resolve")).content.decode()


def test_deciding_twice_pays_once(staff: Client, bob: User, disputed: Errand) -> None:
    resolve(staff, disputed, 40)
    resolve(staff, disputed, 90)
    assert level_of(staff, disputed)[-1] == "error"
    assert balance_of_user(bob) == 4_000


def test_the_split_is_seen_before_it_is_made(staff: Client, disputed: Errand) -> None:
    examples = text_of(staff.get(page_of(disputed, "resolve")))
    assert "50 ₩5,000 ₩500 ₩0 ₩5,500" in examples
    asked = text_of(staff.get(page_of(disputed, "resolve"), {"runner_percent": "40"}))
    assert "40 ₩4,000 ₩400 ₩0 ₩6,600" in asked
    nonsense = staff.get(page_of(disputed, "resolve"), {"runner_percent": "١٢٣"})
    assert nonsense.status_code == 200


# --- Bad weather -------------------------------------------------------------------------


def test_bad_weather_is_turned_on_and_off(staff: Client, dana: User, alice: User) -> None:
    area = make_errand(alice).area
    on = {**DIALOG, "area": area_around(area, REGION), "hours": "3"}
    answer = staff.post(f"{list_of('areacondition')}bad-weather/", on)
    assert answer["HX-Redirect"] == list_of("areacondition")
    condition = AreaCondition.objects.get()
    assert condition.set_by == dana
    later = clock.now() + dt.timedelta(hours=2, minutes=59)
    assert bad_weather(area=area, now=later)
    assert not bad_weather(area=area, now=later + dt.timedelta(minutes=2))
    assert "서울 마포구 양화로 160" in text_of(staff.get(list_of("areacondition")))
    page = f"{list_of('areacondition')}{condition.pk}/"
    assert staff.get(f"{page}change/").status_code == 200
    staff.get(f"{page}off/")
    assert bad_weather(area=area, now=clock.now())
    staff.post(f"{page}off/", DIALOG)
    assert not bad_weather(area=area, now=clock.now())
    assert AreaCondition.objects.count() == 1


@pytest.mark.parametrize("wrong", [{"hours": "0"}, {"hours": "73"}, {"area": "9:9"}, {"hours": ""}])
def test_bad_weather_somewhere_or_for_ever_is_refused(
    staff: Client, alice: User, wrong: dict[str, str]
) -> None:
    region = area_around(make_errand(alice).area, REGION)
    form = {**DIALOG, "area": region, "hours": "3", **wrong}
    answer = staff.post(f"{list_of('areacondition')}bad-weather/", form)
    assert "HX-Redirect" not in answer.headers
    assert not AreaCondition.objects.exists()
