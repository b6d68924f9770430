"""Who gives errands back too late is paused; the errands find somebody else."""

from __future__ import annotations

import pytest
import time_machine

from tests.conftest import DROPOFF
from tests.dispatch.scene import north
from tests.journeys.people import NEAR, REWARD, Requester, Runner, Staff, until
from tests.journeys.world import PublicLink, all_is_well, matching_runs, sweeps_run

pytestmark = pytest.mark.django_db(transaction=True)


async def test_three_times_is_too_often(clock: time_machine.Traveller) -> None:
    alice, dana = await Requester.comes("alice"), await Staff.logs_in()
    bob, carol = await Runner.comes("bob"), await Runner.comes("carol")
    async with await bob.phone() as phone:
        await until(phone, "hello")
        await phone.say("duty.start", position=NEAR._asdict())
        await until(phone, "ack")
        errands = []
        for number in range(3):
            clock.shift(10)
            await bob.is_at(NEAR)
            errand = await alice.has_posted()
            errands.append(errand)
            await matching_runs()
            offer = (await until(phone, "offer.made"))["offer"]
            assert offer["errand_id"] == errand["id"]
            await phone.say("offer.accept", offer_id=offer["id"])
            await until(phone, "errand.changed", state="assigned")
            assert (await bob.get("/duty"))["on_duty"] is True
            clock.shift(120)
            dropped = await bob.does("drop", errand, reason=f"일이 생겼어요 {number}")
            assert dropped["state"] == "open"
            await until(phone, "errand.changed", state="open")
            await bob.get(f"/errands/{errand['id']}", status=404)

        # The third one ends the duty; the socket stays, for what he might still carry.
        assert (await until(phone, "duty.changed"))["on_duty"] is False
        await phone.say("duty.start", position=NEAR._asdict())
        refused = await phone.hear("error")
        assert (refused["code"], refused["for"]) == ("runner_paused", "duty.start")
    assert (await bob.get("/me"))["runner"] == {"state": "paused", "on_duty": False}

    # Staff talk to him; what he gave back he is never asked again.
    await dana.resumes(bob)
    await bob.goes_on_duty()
    await matching_runs()
    assert await bob.offers() == []
    assert await bob.nearby() == {}
    await bob.does("claim", errands[0], status=409)

    # Carol does the first one; nothing of Bob is left on the public page.
    for errand in errands[1:]:
        await alice.does("cancel", errand)
        assert await alice.got_back(errand) == errand["total"]
    await carol.goes_on_duty(north(300))
    await matching_runs()
    await carol.takes(errands[0])
    await carol.carries_to_the_door(errands[0])
    followed = await PublicLink(errands[0]).data()
    assert [step["state"] for step in followed["progress"] if step["at"]] == [
        "open", "assigned", "at_pickup", "picked_up", "at_dropoff",
    ]  # fmt: skip
    await carol.delivers(errands[0])
    await alice.does("confirm", errands[0])
    assert (await carol.earned(), await bob.earned()) == (REWARD, 0)
    page = await dana.reads(errands[0])
    assert "일이 생겼어요 0" in page
    assert "Given back" in page
    await sweeps_run()
    await all_is_well()


async def test_within_a_minute_it_is_no_matter(clock: time_machine.Traveller) -> None:
    alice, bob = await Requester.comes("alice"), await Runner.comes("bob")
    await bob.goes_on_duty(DROPOFF)
    for _time in range(3):
        errand = await alice.has_posted()
        await bob.does("claim", errand)
        clock.shift(50)
        await bob.is_at(DROPOFF)
        await bob.does("drop", errand, reason="잘못 눌렀어요")
        await alice.does("cancel", errand)
    assert (await bob.get("/me"))["runner"] == {"state": "approved", "on_duty": True}
    await sweeps_run()
    await all_is_well()
