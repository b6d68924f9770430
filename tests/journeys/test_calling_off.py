"""Calling an errand off: what it costs depends on how far somebody has already walked."""

from __future__ import annotations

import pytest
import time_machine

from tests.conftest import PICKUP
from tests.journeys.people import FEE, NEAR, REWARD, Requester, Runner, Staff, until
from tests.journeys.world import PublicLink, all_is_well, matching_runs, sweeps_run
from tests.payments.gateway import MemoryGateway, is_silent

pytestmark = pytest.mark.django_db(transaction=True)

TOTAL = REWARD + FEE


async def test_after_six_minutes_the_walk_is_paid(
    clock: time_machine.Traveller, company: type[MemoryGateway]
) -> None:
    alice, bob = await Requester.comes("alice"), await Runner.comes("bob")
    dana = await Staff.logs_in()
    errand = await alice.has_posted()
    await bob.goes_on_duty()
    await matching_runs()
    await bob.takes(errand)
    clock.shift(6 * 60)
    async with await bob.phone() as phone:
        await until(phone, "hello")
        ended = await alice.does("cancel", errand, note="비가 그쳤어요")
        assert (ended["state"], ended["moves"]) == ("cancelled", [])
        await until(phone, "errand.changed", errand_id=errand["id"], state="cancelled")

    # 30 % of the reward to Bob, the fee on that to us, the rest back to Alice.
    assert await bob.earned() == 3_000
    assert await alice.got_back(errand) == TOTAL - 3_000 - 300 == 7_700
    assert company.holds() == TOTAL
    assert "-₩7,700 Requested" in await dana.reads(errand)

    # The payment company is silent at first; asked again, it sends the money once.
    company.before.append(is_silent)
    await sweeps_run()
    assert company.holds() == TOTAL
    clock.shift(60)
    for _twice in range(2):
        await sweeps_run()
    assert company.holds() == 3_300
    assert list(company.sent.values()) == [7_700]
    assert "-₩7,700 Sent" in await dana.reads(errand)
    assert await bob.nearby() == {}
    assert "Cancelled" in await PublicLink(errand).page()
    await alice.does("cancel", errand, note="비가 그쳤어요")  # the same tap again changes nothing
    await alice.does("confirm", errand, status=409)
    await bob.does("arrive", errand, position=PICKUP._asdict(), status=409)
    await alice.does("reviews", errand, stars=1, status=409)
    assert await bob.earned() == 3_000
    await all_is_well()


@pytest.mark.parametrize(
    ("minutes", "there", "pay"), [(4, False, 0), (6, False, 3_000), (1, True, 5_000)]
)
async def test_what_a_change_of_mind_costs(
    clock: time_machine.Traveller,
    company: type[MemoryGateway],
    minutes: int,
    there: bool,
    pay: int,
) -> None:
    alice, bob = await Requester.comes("alice"), await Runner.comes("bob")
    errand = await alice.has_posted()
    await bob.goes_on_duty()
    await matching_runs()
    await bob.takes(errand)
    clock.shift(minutes * 60)
    if there:
        await bob.arrives(errand, PICKUP)
    await alice.does("cancel", errand)
    await sweeps_run()
    assert await bob.earned() == pay
    assert await alice.got_back(errand) == TOTAL - pay - pay // 10
    assert company.holds() == pay + pay // 10
    await all_is_well()


async def test_an_offer_that_rings_goes_silent(company: type[MemoryGateway]) -> None:
    alice, bob = await Requester.comes("alice"), await Runner.comes("bob")
    async with await bob.phone() as phone:
        await until(phone, "hello")
        await phone.say("duty.start", position=NEAR._asdict())
        await until(phone, "ack")
        errand = await alice.has_posted()
        await matching_runs()
        offer = (await until(phone, "offer.made"))["offer"]
        await alice.does("cancel", errand)
        await until(phone, "offer.closed", offer_id=offer["id"], state="withdrawn")

        # A thumb that was already on its way is told so, and the next errand is offered.
        await phone.say("offer.accept", offer_id=offer["id"])
        assert (await phone.hear("error"))["code"] == "offer_gone"
        following = await alice.has_posted()
        await matching_runs()
        assert (await until(phone, "offer.made"))["offer"]["errand_id"] == following["id"]
    await sweeps_run()
    assert await alice.got_back(errand) == TOTAL
    assert company.holds() == TOTAL
    assert await bob.earned() == 0
    await all_is_well()
