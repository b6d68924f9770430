"""Somebody is shut out in the middle of an errand: at once, on every way in."""

from __future__ import annotations

import pytest

from dispatch.consumers.base import in_database
from tests.accounts.conftest import APP, post
from tests.conftest import PASSWORD, PICKUP
from tests.dispatch.socket_client import Client as Socket
from tests.journeys.people import FEE, REWARD, Requester, Runner, Staff, reading, until
from tests.journeys.world import all_is_well, matching_runs, sweeps_run
from tests.payments.gateway import MemoryGateway

pytestmark = pytest.mark.django_db(transaction=True)

TOTAL = REWARD + FEE


async def test_a_runner_is_banned_on_the_way(company: type[MemoryGateway]) -> None:
    alice, bob = await Requester.comes("alice"), await Runner.comes("bob")
    carol, dana = await Runner.comes("carol"), await Staff.logs_in()
    errand = await alice.has_posted()
    await bob.goes_on_duty()
    await matching_runs()
    await bob.takes(errand)
    me = await bob.get("/me")
    async with await bob.phone() as phone, await alice.watches(errand) as screen:
        await until(phone, "hello")
        await until(screen, "hello")
        await phone.say("positions", points=[reading(PICKUP)])
        await until(screen, "position")
        await bob.arrives(errand, PICKUP)
        await until(screen, "errand.event", state="at_pickup")
        await dana.bans(me["id"], "손님을 위협했어요")
        assert await phone.ending() == 4401

        # No door opens for him any more, old or new.
        await bob.get("/me", status=401)
        await bob.does("arrive", errand, position=PICKUP._asdict(), status=401)
        async with Socket("/ws/runner/", headers=bob.tokens.header) as refused:
            assert await refused.ending() == 4401
        for path, body in (
            ("tokens/refresh", {"refresh_token": bob.tokens.refresh}),
            ("auth/login", {"email": me["email"], "password": PASSWORD}),
        ):
            answer = await in_database(post, f"{APP}/{path}", body)
            assert answer.status_code in {400, 401}
            assert "access_token" not in answer.content.decode()

        # The errand stands still until staff end it; Alice hears of it, and gets all back.
        assert (await alice.sees(errand))["state"] == "at_pickup"
        await dana.stops(errand, "걷는 이를 차단했어요")
        await until(screen, "errand.event", move="stop", state="cancelled")
    await sweeps_run()
    assert await alice.got_back(errand) == TOTAL
    assert company.holds() == 0
    page = await dana.reads(errand)
    assert "걷는 이를 차단했어요" in page

    # She posts it again, and somebody else comes.
    again = await alice.has_posted()
    await carol.goes_on_duty()
    await matching_runs()
    await carol.takes(again)
    await carol.carries_to_the_door(again)
    await carol.delivers(again)
    await alice.does("confirm", again)
    assert await carol.earned() == REWARD
    await sweeps_run()
    await all_is_well()


async def test_an_offer_to_a_banned_runner_goes_to_the_next(company: type[MemoryGateway]) -> None:
    alice, dana = await Requester.comes("alice"), await Staff.logs_in()
    bob, carol = await Runner.comes("bob"), await Runner.comes("carol")
    errand = await alice.has_posted()
    await bob.goes_on_duty()
    await matching_runs()
    (offer,) = await bob.offers()
    await carol.goes_on_duty()
    await matching_runs()
    assert await carol.offers() == []
    await dana.bans((await bob.get("/me"))["id"], "가짜 계정이에요")
    await bob.post(f"/offers/{offer['id']}/accept", status=401)
    await matching_runs()
    await carol.takes(errand)
    assert (await alice.sees(errand))["runner"]["nickname"] == "carol"
    assert company.holds() == TOTAL
    await sweeps_run()
    await all_is_well()


async def test_a_requester_is_banned_and_the_runner_is_paid(company: type[MemoryGateway]) -> None:
    alice, bob = await Requester.comes("alice"), await Runner.comes("bob")
    dana = await Staff.logs_in()
    errand = await alice.has_posted()
    await bob.goes_on_duty()
    await matching_runs()
    await bob.takes(errand)
    async with await alice.watches(errand) as screen:
        await until(screen, "hello")
        await dana.bans((await alice.get("/me"))["id"], "가짜 결제예요")
        assert await screen.ending() == 4401
    await alice.does("cancel", errand, status=401)
    await bob.carries_to_the_door(errand)
    delivered = await bob.delivers(errand)
    assert delivered["state"] == "delivered"
    await dana.reads(errand)
    assert company.holds() == TOTAL
    await all_is_well()
