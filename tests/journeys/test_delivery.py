"""From sign-up to review: an umbrella is brought, and everybody sees what is theirs to see."""

from __future__ import annotations

import pytest
import time_machine
from django.core.mail import EmailMessage

from common.geo import Point, snap
from tests.conftest import DROPOFF, PICKUP
from tests.journeys.people import (
    FEE,
    NEAR,
    REWARD,
    Person,
    Requester,
    Runner,
    Staff,
    hears_no_more,
    numbers,
    reading,
    until,
)
from tests.journeys.world import PublicLink, all_is_well, matching_runs, sweeps_run
from tests.payments.gateway import MemoryGateway

pytestmark = pytest.mark.django_db(transaction=True)

HALFWAY = Point((PICKUP.lat + DROPOFF.lat) / 2, (PICKUP.lng + DROPOFF.lng) / 2)


async def test_a_delivery_from_sign_up_to_review(
    clock: time_machine.Traveller, mailoutbox: list[EmailMessage], company: type[MemoryGateway]
) -> None:
    alice = await Requester.signs_up("alice", mailoutbox)
    bob = await Runner.signs_up("bob", mailoutbox)
    charlie = await Person.signs_up("charlie", mailoutbox)
    dana = await Staff.logs_in()

    # Bob may not run before he has been looked at.
    application = await bob.applies()
    assert application["state"] == "applied"
    assert await bob.is_sent_away("/ws/runner/") == 4403
    await bob.goes_on_duty(status=403)
    await dana.approves(application)

    # Alice sees the price line by line, offers more, and pays.
    quote = await alice.asks_the_price()
    assert sum(line["amount"] for line in quote["lines"]) == quote["reward_floor"] < REWARD
    errand = await alice.posts()
    assert (errand["state"], errand["total"]) == ("awaiting_payment", REWARD + FEE)
    assert await bob.nearby() == {}
    await charlie.sees_nothing_of(errand)
    await alice.pays(errand["payment"])
    errand = await alice.sees(errand)
    assert (errand["state"], company.holds()) == ("open", REWARD + FEE)
    await charlie.sees_nothing_of(errand)

    link = PublicLink(errand)
    async with (
        await bob.phone() as phone,
        await alice.watches(errand) as screen,
        link.socket() as anybody,
    ):
        for socket in (phone, screen, anybody):
            await until(socket, "hello")

        # Bob goes on duty and is asked; he knows the block, not yet the place.
        await phone.say("duty.start", position=NEAR._asdict())
        await until(phone, "duty.changed", on_duty=True)
        await matching_runs()
        offer = (await until(phone, "offer.made"))["offer"]
        assert (offer["errand_id"], offer["pay"]) == (errand["id"], REWARD)
        assert offer["pickup"] == snap(PICKUP)._asdict() != PICKUP._asdict()
        await bob.get(f"/errands/{errand['id']}", status=404)
        await charlie.sees_nothing_of(errand)
        await phone.say("offer.accept", offer_id=offer["id"])
        await until(phone, "errand.changed", state="assigned")
        assert (await until(screen, "errand.event"))["move"] == "accept"
        carried = await bob.sees(errand)
        assert carried["pickup"] == {**PICKUP._asdict(), "address": "양화로 160"}
        assert carried["payment"] is None
        assert (await alice.sees(errand))["runner"]["nickname"] == "bob"
        await charlie.sees_nothing_of(errand)

        # He walks; she sees where he is and when he will be there.
        etas = []
        for place in (NEAR, PICKUP):
            clock.shift(90)
            await phone.say("positions", points=[reading(place)])
            assert (await until(phone, "positions.ack"))["kept"] == 1
            seen = await until(screen, "position")
            assert (seen["lat"], seen["lng"]) == place
            assert await until(anybody, "position") == seen
            etas.append(seen["eta_minutes"])
        await bob.arrives(errand, PICKUP)
        await bob.picks_up(errand)
        for place in (HALFWAY, DROPOFF):
            clock.shift(180)
            await phone.say("positions", points=[reading(place)])
            etas.append((await until(screen, "position"))["eta_minutes"])
        assert etas == sorted(etas, reverse=True)
        assert etas[-1] == 0
        await charlie.sees_nothing_of(errand)
        followed = await link.data()
        assert (followed["state"], followed["position"]) == ("picked_up", DROPOFF._asdict())
        assert len(followed["walked"]) == 4

        # He hands over, she is content, he is paid.
        await bob.arrives(errand, DROPOFF)
        await bob.delivers(errand)
        assert await bob.earned() == 0
        await charlie.sees_nothing_of(errand)
        await alice.does("confirm", errand)
        for socket in (screen, anybody):
            await until(socket, "errand.event", state="completed")
            await hears_no_more(socket)
            assert numbers(socket) == [3, 4, 5, 6, 7, 8]
        await until(phone, "errand.changed", state="completed")
        assert numbers(phone) == list(range(1, len(numbers(phone)) + 1))
        public = [message for message in anybody.heard if message["type"] == "errand.event"]
        assert {*public[0]} == {"type", "sequence", "to_state", "state", "at"}

    assert await bob.earned() == REWARD
    assert await alice.events_of(errand) == [
        "post", "fund", "accept", "arrive", "pick_up", "arrive", "deliver", "confirm",
    ]  # fmt: skip

    # Neither reads what the other thinks before both have said it.
    await alice.reviews(errand, 5)
    assert await bob.reads_reviews(errand) == []
    await bob.reviews(errand, 4)
    assert await bob.reads_reviews(errand) == await alice.reads_reviews(errand) == [5, 4]
    await charlie.sees_nothing_of(errand)

    # The link shows the end for a day, and then nothing.
    assert (await link.data())["ended"] is True
    page = await link.page()
    assert "Completed" in page
    assert "alice" not in page
    assert "bob" not in page
    clock.shift(24 * 3600 - 60)
    await link.page()
    clock.shift(120)
    assert "Completed" not in await link.page(status=404)
    await link.data(status=404)
    async with link.socket() as late:
        assert await late.ending() == 4404

    await sweeps_run()
    assert company.holds() == REWARD + FEE
    await all_is_well()


async def test_a_day_of_silence_confirms(
    clock: time_machine.Traveller, company: type[MemoryGateway]
) -> None:
    alice, bob = await Requester.comes("alice"), await Runner.comes("bob")
    errand = await alice.has_posted()
    await bob.goes_on_duty()
    await matching_runs()
    await bob.takes(errand)
    await bob.carries_to_the_door(errand)
    await bob.delivers(errand)
    clock.shift(24 * 3600 - 60)
    await sweeps_run()
    assert (await alice.sees(errand))["state"] == "delivered"
    clock.shift(61)
    await sweeps_run()
    ended = await alice.sees(errand)
    assert (ended["state"], ended["moves"]) == ("completed", [])
    await alice.does("object", errand, note="너무 늦었어요", status=409)
    assert await bob.earned() == REWARD
    assert company.holds() == REWARD + FEE
    await all_is_well()
