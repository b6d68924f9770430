"""A phone in a tunnel: what happened meanwhile comes afterwards, once, and in order."""

from __future__ import annotations

import pytest
import time_machine

from tests.conftest import PICKUP
from tests.journeys.people import (
    NEAR,
    Requester,
    Runner,
    hears_no_more,
    numbers,
    reading,
    until,
)
from tests.journeys.world import all_is_well, matching_runs, sweeps_run

pytestmark = pytest.mark.django_db(transaction=True)


async def test_a_runner_s_phone_in_a_tunnel(clock: time_machine.Traveller) -> None:
    alice, bob = await Requester.comes("alice"), await Runner.comes("bob")
    async with await bob.phone() as before:
        assert (await until(before, "hello"))["sequence"] == 0
        await before.say("duty.start", position=NEAR._asdict())
        await until(before, "duty.changed", on_duty=True)
    assert numbers(before) == [1]

    # While he is away an errand is offered and called off, and another one is offered.
    first = await alice.has_posted()
    await matching_runs()
    await alice.does("cancel", first)
    second = await alice.has_posted()
    await matching_runs()

    async with await bob.phone(after=1) as back:
        hello = await until(back, "hello")
        assert (hello["sequence"], hello["reset"], hello["on_duty"]) == (4, False, True)
        assert [offer["errand_id"] for offer in hello["offers"]] == [second["id"]]
        missed = [await back.hear("offer.made", "offer.closed") for _ in range(3)]
        assert [message["type"] for message in missed] == [
            "offer.made", "offer.closed", "offer.made",
        ]  # fmt: skip
        assert missed[0]["offer"]["errand_id"] == first["id"]
        assert (missed[1]["state"], missed[2]["sequence"]) == ("withdrawn", 4)
        assert missed[2]["offer"] == hello["offers"][0]
        await back.say("offer.accept", offer_id=hello["offers"][0]["id"])
        await until(back, "errand.changed", state="assigned")
    assert numbers(before, back) == [1, 2, 3, 4, 5]

    # He goes on by REST, with no socket at all; positions too.
    clock.shift(90)
    await bob.is_at(PICKUP)
    await bob.arrives(second, PICKUP)
    await bob.picks_up(second)
    async with await bob.phone(after=5) as again:
        hello = await until(again, "hello")
        assert hello["errands"] == [
            {"errand_id": second["id"], "state": "picked_up", "errand_sequence": 5}
        ]
        assert await hears_no_more(again) == ["errand.changed", "errand.changed"]
        assert numbers(before, back, again) == [1, 2, 3, 4, 5, 6, 7]

        # A phone that is unsure asks again from an earlier number; the stream goes on behind it.
        await again.say("resume", after=4)
        await until(again, "errand.changed", sequence=7)
        await again.say("positions", points=[reading(PICKUP)])
        await until(again, "positions.ack")
        assert numbers(again) == [6, 7, 5, 6, 7]

    # A second phone that knows nothing gets everything from the start.
    async with await bob.phone(after=0) as other:
        await until(other, "hello")
        await until(other, "errand.changed", sequence=7)
        assert numbers(other) == [1, 2, 3, 4, 5, 6, 7]
        assert await hears_no_more(other) == []
    await sweeps_run()
    await all_is_well()


async def test_a_requester_s_phone_in_a_lift(clock: time_machine.Traveller) -> None:
    alice, bob = await Requester.comes("alice"), await Runner.comes("bob")
    errand = await alice.has_posted()
    await bob.goes_on_duty()
    async with await alice.watches(errand, after=0) as before:
        assert (await until(before, "hello"))["state"] == "open"
        await matching_runs()
        await bob.takes(errand)
        await until(before, "errand.event", move="accept")
    assert numbers(before) == [1, 2, 3]

    clock.shift(60)
    await bob.is_at(PICKUP)
    await bob.arrives(errand, PICKUP)
    async with await alice.watches(errand, after=3) as back:
        assert (await until(back, "hello"))["state"] == "at_pickup"
        assert (await until(back, "errand.event"))["sequence"] == 4
        seen = await until(back, "position")  # the last known place, without waiting for the next
        assert (seen["lat"], seen["lng"]) == PICKUP
        await bob.picks_up(errand)
        await until(back, "errand.event", move="pick_up")
        await back.say("resume", after=5)
        await until(back, "hello")
        assert await hears_no_more(back) == ["position"]
    assert numbers(before, back) == [1, 2, 3, 4, 5]

    # What REST tells is the same story; a number from the future starts over with the present.
    events = (await alice.get(f"/errands/{errand['id']}/events?after=3"))["results"]
    assert [(row["sequence"], row["move"]) for row in events] == [(4, "arrive"), (5, "pick_up")]
    async with await alice.watches(errand, after=99) as confused:
        hello = await until(confused, "hello")
        assert (hello["sequence"], hello["reset"]) == (5, True)
    await all_is_well()
