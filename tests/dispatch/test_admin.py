"""Who was asked and why, in words; matching runs; the figures of the first page."""

from __future__ import annotations

import datetime as dt
import re
from html import unescape
from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.test import Client
from django.urls import reverse

from accounts.models import User
from common import clock
from dispatch.admin.terms import WORDS, terms_of
from dispatch.matching import Free, Wanted, solve
from dispatch.models import Offer, OfferState, Solve
from errands import services
from errands.models import Errand
from errands.states import State
from tests.conftest import DROPOFF, PICKUP, make_errand, make_runner, make_user, pay_for, walk

pytestmark = pytest.mark.django_db

TERMS = {
    "added_minutes": 4.26, "waiting": -1.5, "fairness": -0.3, "ignored": 10.0, "total": 12.46,
    "distance_m": 312.4, "reach_m": 600.0,
}  # fmt: skip
LISTS = ["offer", "solve"]


@pytest.fixture
def staff(client: Client, dana: User) -> Client:
    client.force_login(dana)
    return client


@pytest.fixture
def errand(alice: User) -> Errand:
    return pay_for(make_errand(alice, reward=10_000))


@pytest.fixture
def run(errand: Errand) -> Solve:
    return Solve.objects.create(
        area=errand.area, digest="ab12" * 16, errands=3, runners=7, offered=2, took_ms=12.34
    )


def offered(errand: Errand, runner: User, run: Solve | None = None, **given: object) -> Offer:
    now = clock.now()
    fields = {"pay": errand.reward, "added_minutes": 4.26, "terms": TERMS, "expires_at": now}
    return Offer.objects.create(errand=errand, runner=runner, solve=run, **fields | given)


@pytest.fixture
def declined(errand: Errand, bob: User, run: Solve) -> Offer:
    terms = {**TERMS, "declined_because": "너무 멀어요"}
    at = clock.now()
    return offered(
        errand, bob, run, state=OfferState.DECLINED, terms=terms, created_at=at,
        answered_at=at + dt.timedelta(seconds=7),
    )  # fmt: skip


def text_of(answer: Any) -> str:
    text = unescape(re.sub(r"<[^>]+>", " ", answer.content.decode()))
    return re.sub(r"\s+", " ", text)


def change(row: Offer | Solve | Errand) -> str:
    meta = type(row)._meta
    return reverse(f"admin:{meta.app_label}_{meta.model_name}_change", args=[row.pk])


def list_of(name: str) -> str:
    return reverse(f"admin:dispatch_{name}_changelist")


# --- Terms -------------------------------------------------------------------------------


def test_every_term_that_matching_gives_has_its_words(errand: Errand, bob: User) -> None:
    wanted = Wanted(
        id=errand.pk, requester_id=errand.requester_id, kind="delivery", pickup=PICKUP,
        dropoff=DROPOFF, weight_kg=1, bags=1, waited_s=60, reach_m=600,
    )  # fmt: skip
    free = Free(id=bob.pk, position=PICKUP, kinds=frozenset({"delivery"}), kg_left=10, bags_left=2)
    (match,) = solve([wanted], [free]).matches
    assert set(match.terms[0]) <= set(WORDS)


def test_terms_are_said_in_minutes_and_metres(declined: Offer) -> None:
    said = [how_much for _what, how_much in terms_of(declined)]
    numbers = [re.sub(r"[^-+\d.]", "", each) for each in said[:-1]]
    assert numbers == ["4.3", "-1.5", "-0.3", "+10.0", "12.5", "312", "600"]
    assert said[-1] == "너무 멀어요"


def test_a_term_nobody_knows_is_shown_as_it_is(errand: Errand, bob: User) -> None:
    assert terms_of(offered(errand, bob, terms={"moon": "full"})) == [("moon", "full")]


def test_a_claim_says_so_instead_of_costs(errand: Errand, bob: User) -> None:
    terms = {"claimed": True, "added_minutes": 3.0}
    first, second = terms_of(offered(errand, bob, terms=terms, added_minutes=3.0))
    assert first[1] == ""
    assert "3.0" in second[1]


# --- Pages -------------------------------------------------------------------------------


def test_the_errand_page_says_who_was_asked_and_why(
    staff: Client, errand: Errand, declined: Offer, bob: User
) -> None:
    carol = make_runner("carol")
    offered(errand, carol, state=OfferState.ACCEPTED)
    walk(errand, carol, State.ASSIGNED)
    html = staff.get(change(errand)).content.decode()
    text = text_of(staff.get(change(errand)))
    for label, how_much in terms_of(declined):
        assert f"{label} {how_much}" in text
    assert "{" not in "".join(re.findall(r'<div class="terms">.*?</div>', html))
    for runner in (bob, carol):
        assert reverse("admin:accounts_user_change", args=[runner.pk]) in html
    assert change(declined) in html


def test_pages_of_offers_and_runs_open(staff: Client, declined: Offer, run: Solve) -> None:
    assert "₩10,000" in text_of(staff.get(list_of("offer")))
    page = staff.get(change(declined))
    assert "너무 멀어요" in text_of(page)
    assert change(declined.errand) in page.content.decode()
    assert run.digest[:12] in text_of(staff.get(list_of("solve")))
    page = staff.get(change(run))
    assert run.digest in text_of(page)
    link = f"{list_of('offer')}?solve__id__exact={run.pk}"
    assert link in page.content.decode()
    assert staff.get(link).context["cl"].result_list.get() == declined
    other = {"solve__id__exact": "01900000-0000-7000-8000-000000000000"}
    assert not staff.get(list_of("offer"), other).context["cl"].result_list.exists()


def test_every_state_is_shown_in_words(staff: Client, errand: Errand, bob: User) -> None:
    offer = offered(errand, bob)
    for state in OfferState:
        Offer.objects.filter(pk=offer.pk).update(state=state)
        for page in (staff.get(list_of("offer")), staff.get(change(errand))):
            assert str(state.label) in text_of(page)
            assert not re.search(rf">\s*{state}\s*<", page.content.decode())


@pytest.mark.parametrize("query", [{"q": "bob"}, {"q": "우산"}, {"state__exact": "declined"}])
def test_finding_offers(staff: Client, declined: Offer, query: dict[str, str]) -> None:
    other = pay_for(make_errand(make_user("frank"), title="줄서기"))
    offered(other, make_runner("carol"))
    assert staff.get(list_of("offer"), query).context["cl"].result_list.get() == declined


def test_nothing_is_added_changed_or_deleted_by_form(
    staff: Client, declined: Offer, run: Solve
) -> None:
    for row, name in ((declined, "offer"), (run, "solve")):
        assert staff.get(f"{list_of(name)}add/").status_code == 403
        assert staff.post(change(row), {"state": "accepted"}).status_code == 403
        assert staff.post(f"{list_of(name)}{row.pk}/delete/", {"post": "yes"}).status_code == 403
    assert Offer.objects.get().state == OfferState.DECLINED
    assert Solve.objects.get() == run


@pytest.mark.parametrize("name", LISTS)
def test_others_are_sent_to_the_log_in(client: Client, alice: User, name: str) -> None:
    client.force_login(alice)
    assert client.get(list_of(name))["Location"].startswith("/admin/login/")


def test_looking_needs_the_permission(client: Client, charlie: User, declined: Offer) -> None:
    User.objects.filter(pk=charlie.pk).update(is_staff=True)
    client.force_login(charlie)
    assert client.get(list_of("offer")).status_code == 403
    charlie.user_permissions.add(Permission.objects.get(codename="view_offer"))
    assert client.get(list_of("offer")).status_code == 200


# --- The first page ----------------------------------------------------------------------


def test_the_first_page_counts(
    staff: Client, alice: User, bob: User, errand: Errand, now: dt.datetime
) -> None:
    walk(pay_for(make_errand(alice, reward=20_000)), bob, State.PICKED_UP)
    done = walk(pay_for(make_errand(alice, reward=30_000)), bob, State.DELIVERED)
    services.errand_object(errand_id=done.pk, requester=alice, note="", now=now)
    make_errand(alice)
    make_runner("carol", on_duty=False)
    page = staff.get("/admin/")
    values = [figure.value for figure in page.context["figures"]]
    assert values == ["1", "1", "1", "1", "₩66,000"]
    assert "₩66,000" in text_of(page)
    for figure, expected in zip(page.context["figures"], [1, 1, 1, 1], strict=False):
        assert staff.get(figure.page).context["cl"].result_count == expected
