"""Errands offered together: one answer for all, and what is gone leaves the rest standing."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable

import pytest
from django.test import Client
from django.urls import reverse
from pytest_django import Settings
from rest_framework.test import APIClient

from accounts.models import RunnerProfile, User
from dispatch import services
from dispatch.models import NoOffer, Offer, OfferState
from dispatch.selectors import offer_view
from errands.models import Errand
from errands.states import State
from tests.conftest import make_runner, refused, walk
from tests.dispatch.scene import offered_together, opened, stand, told

MINUTE = dt.timedelta(minutes=1)
Api = Callable[[User | None], APIClient]


@pytest.fixture
def errands(alice: User, now: dt.datetime) -> list[Errand]:
    return [opened(alice, now=now) for _each in range(3)]


@pytest.fixture
def bundle(errands: list[Errand], bob: User, now: dt.datetime) -> list[Offer]:
    RunnerProfile.objects.filter(user=bob).update(max_bags=4)
    return offered_together(errands, bob, now=now)


def states(rows: list[Offer] | list[Errand]) -> list[str]:
    found = type(rows[0])._default_manager.in_bulk([row.pk for row in rows])
    return [found[row.pk].state for row in rows]


def test_every_errand_of_a_bundle_has_an_offer_that_says_so(
    bundle: list[Offer], errands: list[Errand], bob: User
) -> None:
    assert [offer.errand_id for offer in bundle] == [errand.pk for errand in errands]
    assert [offer.added_minutes for offer in bundle] == [0, 1, 2]
    assert len({offer.bundle for offer in bundle}) == 1
    shown = [payload["offer"] for _number, kind, payload in told(bob) if kind == "offer.made"]
    assert [(each["bundle"], each["bundle_size"]) for each in shown] == 3 * [
        (str(bundle[0].bundle), 3)
    ]  # fmt: skip
    assert [number for number, _kind, _payload in told(bob)] == [1, 2, 3]


@pytest.mark.parametrize("most", [1, 2, 3])
def test_a_run_bundles_as_many_as_it_may(
    errands: list[Errand], bob: User, now: dt.datetime, settings: Settings, most: int
) -> None:
    settings.MATCHING_MOST_BUNDLED = most
    RunnerProfile.objects.filter(user=bob).update(max_bags=4)
    stand(bob, 100, now=now)
    assert services.match_area(area=errands[0].area, now=now) == most
    offers = list(Offer.objects.order_by("slot"))
    assert [offer.slot for offer in offers] == list(range(most))
    assert {offer.bundle_size for offer in offers} == {most}
    assert NoOffer.objects.count() == 3 - most


def test_an_errand_alone_has_no_bundle(errands: list[Errand], bob: User, now: dt.datetime) -> None:
    (offer,) = offered_together(errands[:1], bob, now=now)
    assert (offer_view(offer)["bundle"], offer_view(offer)["bundle_size"]) == (None, 1)


@pytest.mark.parametrize("answered", [0, 2])
def test_accepting_one_is_accepting_all(
    bundle: list[Offer], errands: list[Errand], bob: User, now: dt.datetime, answered: int
) -> None:
    accepted = services.offer_accept(offer_id=bundle[answered].pk, runner=bob, now=now)
    assert accepted.errand == errands[answered]
    assert (accepted.errand_ids, accepted.gone) == ([errand.pk for errand in errands], [])
    assert states(bundle) == 3 * [OfferState.ACCEPTED]
    assert states(errands) == 3 * [State.ASSIGNED]
    again = services.offer_accept(offer_id=bundle[1].pk, runner=bob, now=now + MINUTE)
    assert again.errand_ids == accepted.errand_ids


def test_what_is_gone_leaves_the_rest_standing_and_is_named(
    bundle: list[Offer], errands: list[Errand], bob: User, now: dt.datetime
) -> None:
    # As if the withdrawal were still on its way.
    Errand.objects.filter(pk=errands[0].pk).update(state=State.CANCELLED)
    accepted = services.offer_accept(offer_id=bundle[0].pk, runner=bob, now=now)
    assert accepted.errand == errands[1]
    assert accepted.errand_ids == [errands[1].pk, errands[2].pk]
    assert accepted.gone == [errands[0].pk]
    assert states(bundle) == [OfferState.WITHDRAWN, OfferState.ACCEPTED, OfferState.ACCEPTED]
    closed = {"offer_id": str(bundle[0].pk), "state": "withdrawn"}
    assert told(bob)[-1] == (4, "offer.closed", closed)
    again = services.offer_accept(offer_id=bundle[0].pk, runner=bob, now=now + MINUTE)
    assert (again.errand_ids, again.gone) == (accepted.errand_ids, accepted.gone)


@pytest.mark.django_db(transaction=True)
def test_a_bundle_of_which_nothing_is_left_is_gone(
    bundle: list[Offer], bob: User, now: dt.datetime
) -> None:
    Errand.objects.update(state=State.CANCELLED)
    with refused("offer_gone"):
        services.offer_accept(offer_id=bundle[0].pk, runner=bob, now=now)
    assert states(bundle) == 3 * [OfferState.OFFERED]


def test_a_withdrawn_one_does_not_take_the_others_along(
    bundle: list[Offer], errands: list[Errand], bob: User, now: dt.datetime
) -> None:
    assert services.offers_withdraw(errand_id=errands[1].pk, now=now) == 1
    accepted = services.offer_accept(offer_id=bundle[0].pk, runner=bob, now=now)
    assert accepted.errand_ids == [errands[0].pk, errands[2].pk]
    assert states(errands)[1] == State.OPEN


def test_hands_are_counted_for_all_of_it(
    bundle: list[Offer], alice: User, bob: User, now: dt.datetime
) -> None:
    walk(opened(alice, now=now), bob, State.ASSIGNED, now=now)
    with refused("hands_full"):
        services.offer_accept(offer_id=bundle[0].pk, runner=bob, now=now)
    assert states(bundle) == 3 * [OfferState.OFFERED]


def test_declining_one_is_declining_all(bundle: list[Offer], bob: User, now: dt.datetime) -> None:
    offer = services.offer_decline(offer_id=bundle[1].pk, runner=bob, reason="too heavy", now=now)
    assert (offer.state, offer.terms["declined_because"]) == (OfferState.DECLINED, "too heavy")
    assert states(bundle) == 3 * [OfferState.DECLINED]
    assert Offer.objects.get(pk=bundle[2].pk).terms["declined_because"] == "too heavy"
    assert [kind for _number, kind, _payload in told(bob)[3:]] == 3 * ["offer.closed"]
    services.offer_decline(offer_id=bundle[0].pk, runner=bob, now=now)
    with refused("offer_gone"):
        services.offer_accept(offer_id=bundle[0].pk, runner=bob, now=now)


def test_what_is_left_can_be_declined_by_the_one_that_is_not(
    bundle: list[Offer], errands: list[Errand], bob: User, now: dt.datetime
) -> None:
    services.offers_withdraw(errand_id=errands[0].pk, now=now)
    services.offer_decline(offer_id=bundle[0].pk, runner=bob, now=now)
    assert states(bundle) == [OfferState.WITHDRAWN, OfferState.DECLINED, OfferState.DECLINED]


def test_all_of_it_expires(bundle: list[Offer], bob: User, now: dt.datetime) -> None:
    assert services.offers_expire(now=bundle[0].expires_at) == 3
    assert states(bundle) == 3 * [OfferState.EXPIRED]


def test_claiming_one_leaves_the_others_to_an_answer(
    bundle: list[Offer], errands: list[Errand], bob: User, now: dt.datetime
) -> None:
    services.errand_claim(errand_id=errands[2].pk, runner=bob, now=now)
    assert states(bundle) == [OfferState.OFFERED, OfferState.OFFERED, OfferState.ACCEPTED]
    accepted = services.offer_accept(offer_id=bundle[0].pk, runner=bob, now=now)
    assert accepted.errand_ids == [errands[0].pk, errands[1].pk]


def test_who_has_a_part_of_a_bundle_left_is_asked_nothing_else(
    bundle: list[Offer], errands: list[Errand], alice: User, bob: User, now: dt.datetime
) -> None:
    services.offers_withdraw(errand_id=errands[0].pk, now=now)  # its slot is free again
    with pytest.raises(AssertionError):
        offered_together([opened(alice, now=now)], bob, now=now)
    assert Offer.objects.filter(runner=bob, state=OfferState.OFFERED).count() == 2


def test_an_errand_that_changed_takes_its_bundle_along_but_no_other(
    errands: list[Errand], bob: User, now: dt.datetime
) -> None:
    Errand.objects.filter(pk=errands[1].pk).update(version=9)
    with pytest.raises(AssertionError):
        offered_together(errands[:2], bob, now=now)
    assert not Offer.objects.exists()
    assert len(offered_together(errands[2:], bob, now=now)) == 1


# --- REST ----------------------------------------------------------------------------------
def test_the_answer_names_all_errands(
    bundle: list[Offer], errands: list[Errand], bob: User, api: Api
) -> None:
    listed = api(bob).get("/api/v1/offers?state=offered").json()["results"]
    assert {each["bundle"] for each in listed} == {str(bundle[0].bundle)}
    Errand.objects.filter(pk=errands[1].pk).update(state=State.CANCELLED)
    path = f"/api/v1/offers/{bundle[0].pk}/accept"
    headers = {"Idempotency-Key": "yes"}
    first, second = (api(bob).post(path, {}, headers=headers) for _twice in range(2))
    assert first.status_code == 200
    assert first.json()["id"] == str(errands[0].pk)
    assert first.json()["accepted"] == [str(errands[0].pk), str(errands[2].pk)]
    assert first.json()["gone"] == [str(errands[1].pk)]
    assert second.json() == first.json()


def test_staff_see_what_was_offered_together(
    bundle: list[Offer], alice: User, dana: User, client: Client, now: dt.datetime
) -> None:
    offered_together([opened(alice, now=now)], make_runner("eve"), now=now)
    client.force_login(dana)
    page = client.get(reverse("admin:dispatch_offer_change", args=[bundle[0].pk]))
    link = f"{reverse('admin:dispatch_offer_changelist')}?bundle__exact={bundle[0].bundle}"
    assert link in page.content.decode()
    assert set(client.get(link).context["cl"].result_list) == set(bundle)


def test_a_stranger_accepts_no_part_of_it(bundle: list[Offer], api: Api) -> None:
    eve = make_runner("eve")
    answer = api(eve).post(f"/api/v1/offers/{bundle[0].pk}/accept", {})
    assert answer.status_code == 404
    assert states(bundle) == 3 * [OfferState.OFFERED]
