"""Errands that nobody pays for, or that nobody takes, end by themselves; early ones stay hidden."""

from __future__ import annotations

import datetime as dt

import pytest
import time_machine

from tests.journeys.people import FEE, NEAR, REWARD, Requester, Runner, Staff, until
from tests.journeys.world import PublicLink, all_is_well, matching_runs, sweeps_run
from tests.payments.gateway import MemoryGateway, declines

pytestmark = pytest.mark.django_db(transaction=True)

TOTAL = REWARD + FEE


async def test_an_unpaid_errand_lapses(
    clock: time_machine.Traveller, company: type[MemoryGateway]
) -> None:
    alice, bob = await Requester.comes("alice"), await Runner.comes("bob")
    await bob.goes_on_duty()
    errand = await alice.posts()
    company.before.append(declines)
    refused = await alice.pays(errand["payment"], status=409)
    assert refused["code"] == "payment_declined"
    clock.shift(14 * 60)
    await sweeps_run()
    assert (await alice.sees(errand))["state"] == "awaiting_payment"
    assert await bob.nearby() == {}
    clock.shift(2 * 60)
    await sweeps_run()
    assert (await alice.sees(errand))["state"] == "expired"
    refused = await alice.pays(errand["payment"], status=409)
    assert refused["code"] == "payment_expired"
    assert company.holds() == 0
    await all_is_well()


async def test_two_hours_without_anybody(
    clock: time_machine.Traveller, company: type[MemoryGateway]
) -> None:
    alice = await Requester.comes("alice")
    errand = await alice.has_posted()
    async with await alice.watches(errand) as screen:
        await until(screen, "hello")
        assert errand["raise_suggested"] is False
        clock.shift(5 * 60 + 1)
        assert (await alice.sees(errand))["raise_suggested"] is True
        clock.shift(114 * 60)
        await matching_runs()
        await sweeps_run()
        assert (await alice.sees(errand))["state"] == "open"
        clock.shift(60)
        await sweeps_run()
        await until(screen, "errand.event", move="lapse", state="expired")
    assert await alice.got_back(errand) == TOTAL
    assert company.holds() == 0
    assert (await PublicLink(errand).data())["ended"] is True
    await all_is_well()


async def test_an_errand_for_later_is_hidden_until_then(clock: time_machine.Traveller) -> None:
    alice, bob = await Requester.comes("alice"), await Runner.comes("bob")
    starts_at = dt.datetime.now(dt.UTC) + dt.timedelta(hours=3)
    errand = await alice.has_posted(starts_at=starts_at.isoformat())
    await bob.goes_on_duty()

    # For nearly three hours nobody knows of it; that does not count as waiting in vain.
    clock.shift(3 * 3600 - 16 * 60)
    await sweeps_run()
    await bob.is_at(NEAR)
    await matching_runs()
    assert await bob.offers() == []
    assert await bob.nearby() == {}
    await bob.does("claim", errand, status=409)
    assert (await alice.sees(errand))["state"] == "open"

    # A quarter of an hour before its time it is offered like any other.
    clock.shift(61)
    assert await bob.nearby() == {errand["id"]: REWARD}
    await matching_runs()
    await bob.takes(errand)
    await bob.carries_to_the_door(errand)
    await bob.delivers(errand)
    await alice.does("confirm", errand)
    assert await bob.earned() == REWARD
    await sweeps_run()
    await all_is_well()


async def test_a_higher_reward_counts_once_it_is_paid(
    clock: time_machine.Traveller, company: type[MemoryGateway]
) -> None:
    alice, bob = await Requester.comes("alice"), await Runner.comes("bob")
    dana = await Staff.logs_in()
    errand = await alice.has_posted()
    await bob.goes_on_duty()
    await alice.does("raise", errand, reward=REWARD, status=400)
    order = await alice.does("raise", errand, reward=15_000, status=201)
    assert order["amount"] == 5_500
    assert await bob.nearby() == {errand["id"]: REWARD}
    async with await alice.watches(errand) as screen:
        await until(screen, "hello")
        await alice.pays(order)
        await until(screen, "errand.event", move="raise", state="open")
    assert await bob.nearby() == {errand["id"]: 15_000}
    assert company.holds() == TOTAL + 5_500
    await matching_runs()
    (offer,) = await bob.offers()
    assert offer["pay"] == 15_000

    # A second raise is ordered, but Bob is quicker: the late money comes straight back.
    late = await alice.does("raise", errand, reward=20_000, status=201)
    await bob.takes(errand)
    await alice.pays(late)
    assert (await alice.sees(errand))["reward"] == 15_000
    await sweeps_run()
    assert company.holds() == TOTAL + 5_500
    assert "Escrow holds ₩16,500 now" in await dana.reads(errand)
    await bob.carries_to_the_door(errand)
    await bob.delivers(errand)
    await alice.does("confirm", errand)
    assert await bob.earned() == 15_000
    await sweeps_run()
    await all_is_well()


async def test_a_raise_that_helps_nobody_is_refunded_too(
    clock: time_machine.Traveller, company: type[MemoryGateway]
) -> None:
    alice = await Requester.comes("alice")
    errand = await alice.has_posted()
    order = await alice.does("raise", errand, reward=15_000, status=201)
    await alice.pays(order)
    clock.shift(2 * 3600 + 1)
    await sweeps_run()
    assert (await alice.sees(errand))["state"] == "expired"
    assert sorted(company.sent.values()) == [5_500, TOTAL]
    assert company.holds() == 0
    await all_is_well()
