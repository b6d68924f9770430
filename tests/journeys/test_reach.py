"""Somebody says no, somebody says nothing, and the circle widens."""

from __future__ import annotations

import re

import pytest
import time_machine

from tests.dispatch.scene import north
from tests.journeys.people import Requester, Runner, Staff, hears_no_more, until
from tests.journeys.world import all_is_well, matching_runs, sweeps_run

pytestmark = pytest.mark.django_db(transaction=True)


async def test_no_and_silence_and_a_wider_circle(clock: time_machine.Traveller) -> None:
    alice, dana = await Requester.comes("alice"), await Staff.logs_in()
    bob, carol = await Runner.comes("bob"), await Runner.comes("carol")
    erin = await Runner.comes("erin")
    errand = await alice.has_posted()
    async with (
        await bob.phone() as bobs, await carol.phone() as carols, await erin.phone() as erins
    ):  # fmt: skip
        for phone, metres in ((bobs, 100), (carols, 500), (erins, 700)):
            await until(phone, "hello")
            await phone.say("duty.start", position=north(metres)._asdict())
            await until(phone, "duty.changed", on_duty=True)

        # Bob is the nearest, and does not want to.
        await matching_runs()
        offer = (await until(bobs, "offer.made"))["offer"]
        await bob.post(f"/offers/{offer['id']}/decline", {"reason": "우산이 싫어요"})
        await until(bobs, "offer.closed", state="declined")

        # Carol is next, and lets it ring. Nobody else is asked meanwhile.
        await matching_runs()
        offer = (await until(carols, "offer.made"))["offer"]
        await matching_runs()
        assert await bob.offers() == await erin.offers() == []
        await erin.does("claim", errand, status=409)
        clock.shift(21)
        await carol.post(f"/offers/{offer['id']}/accept", status=409)
        await sweeps_run()
        await until(carols, "offer.closed", state="expired")

        # After a minute the circle is wide enough for Erin.
        clock.shift(45)
        await matching_runs()
        offer = (await until(erins, "offer.made"))["offer"]
        await erins.say("offer.accept", offer_id=offer["id"])
        await until(erins, "errand.changed", state="assigned")
        for phone in (bobs, carols):
            assert await hears_no_more(phone) == []
    assert (await alice.sees(errand))["runner"]["nickname"] == "erin"

    # The back office says who was asked, why, and what they answered.
    page = await dana.reads(errand)
    for words in (
        "Declined because 우산이 싫어요", "Distance to the pickup 100 m", "Asked within 600 m",
        "Distance to the pickup 700 m", "Asked within 1,200 m",
    ):  # fmt: skip
        assert words in page
    assert re.search(r"after 2\d s", page)  # 21, and what the journey itself took
    answers = re.findall(r"(Declined|Expired|Accepted) ₩10,000", page)
    assert answers == ["Declined", "Expired", "Accepted"]
    await all_is_well()


async def test_silence_is_asked_again_when_nobody_else_is_there(
    clock: time_machine.Traveller,
) -> None:
    alice, bob, carol = (
        await Requester.comes("alice"), await Runner.comes("bob"), await Runner.comes("carol")
    )  # fmt: skip
    errand = await alice.has_posted()
    await bob.goes_on_duty(north(100))
    await matching_runs()
    (offer,) = await bob.offers()
    await bob.post(f"/offers/{offer['id']}/decline")
    await carol.goes_on_duty(north(300))
    await matching_runs()
    clock.shift(21)
    await sweeps_run()
    assert len(await carol.offers("expired")) == 1
    await matching_runs()
    await carol.takes(errand)
    assert len(await bob.offers("declined")) == 1
    assert await bob.offers() == []
    await sweeps_run()
    await all_is_well()
