"""A shop that is closed, a door that stays shut, a cake that fell: evidence decides, or staff."""

from __future__ import annotations

from typing import Any

import pytest

from common.geo import Point
from tests.conftest import DROPOFF, PICKUP
from tests.dispatch.scene import north
from tests.journeys.people import FEE, REWARD, Errand, Requester, Runner, Staff, until
from tests.journeys.world import all_is_well, matching_runs, sweeps_run
from tests.payments.gateway import MemoryGateway

pytestmark = pytest.mark.django_db(transaction=True)

TOTAL = REWARD + FEE


async def a_purchase(alice: Requester, bob: Runner) -> Errand:
    """Alice wants something bought, and Bob has taken it on."""
    errand = await alice.has_posted(kind="purchase")
    await bob.goes_on_duty()
    await matching_runs()
    await bob.takes(errand)
    return errand


async def evidence(bob: Runner, errand: Errand, place: Point) -> dict[str, Any]:
    photo_id = await bob.photographs(errand, "incident")
    return {"photo_id": photo_id, "position": place._asdict()}


async def test_the_shop_is_closed_and_shown_to_be(company: type[MemoryGateway]) -> None:
    alice, bob = await Requester.comes("alice"), await Runner.comes("bob")
    errand = await a_purchase(alice, bob)
    async with await alice.watches(errand) as screen:
        await until(screen, "hello")
        await bob.arrives(errand, PICKUP)
        seen = await evidence(bob, errand, PICKUP)
        await bob.does("fail", errand, reason="shop_closed", note="셔터가 내려져 있어요", **seen)
        await until(screen, "errand.event", state="failed", reason="shop_closed")
    await sweeps_run()
    assert await bob.earned() == REWARD // 2
    assert await alice.got_back(errand) == TOTAL // 2
    assert company.holds() == TOTAL // 2
    assert (await bob.get("/duty"))["carried"] == []
    await all_is_well()


@pytest.mark.parametrize(("photo", "place"), [(False, PICKUP), (True, north(400))])
async def test_said_but_not_shown_earns_nothing(
    company: type[MemoryGateway], photo: bool, place: Point
) -> None:
    alice, bob = await Requester.comes("alice"), await Runner.comes("bob")
    errand = await a_purchase(alice, bob)
    await bob.arrives(errand, PICKUP)
    seen = await evidence(bob, errand, place)
    if not photo:
        del seen["photo_id"]
    await bob.does("fail", errand, reason="shop_closed", **seen)
    await sweeps_run()
    assert await bob.earned() == company.holds() == 0
    assert await alice.got_back(errand) == TOTAL
    await all_is_well()


async def test_nobody_opens_and_the_goods_go_back(company: type[MemoryGateway]) -> None:
    alice, bob = await Requester.comes("alice"), await Runner.comes("bob")
    errand = await a_purchase(alice, bob)
    async with await alice.watches(errand) as screen:
        await until(screen, "hello")
        await bob.carries_to_the_door(errand)
        seen = await evidence(bob, errand, DROPOFF)
        back = await bob.does("return", errand, reason="recipient_unreachable", **seen)
        assert (back["state"], back["moves"]) == ("returning", ["hand_back"])
        await until(screen, "errand.event", state="returning")
        await alice.does("cancel", errand, status=409)
        await bob.does("hand-back", errand, photo_id=seen["photo_id"])
        await until(screen, "errand.event", state="returned")

    # The way there and the way back, at half the reward each.
    await sweeps_run()
    assert await bob.earned() == REWARD
    assert await alice.got_back(errand) == 0
    assert company.holds() == TOTAL
    await alice.reviews(errand, 4)
    await bob.reviews(errand, 2)
    assert await alice.reads_reviews(errand) == [4, 2]
    await all_is_well()


async def test_staff_decide_who_is_right(company: type[MemoryGateway]) -> None:
    alice, bob = await Requester.comes("alice"), await Runner.comes("bob")
    dana = await Staff.logs_in()
    errand = await a_purchase(alice, bob)
    await bob.carries_to_the_door(errand)
    await bob.delivers(errand)
    async with await bob.phone() as phone:
        await until(phone, "hello")
        await alice.does("object", errand, note="케이크가 기울어져 있어요")
        await until(phone, "errand.changed", state="disputed")
        await alice.does("confirm", errand, status=409)
        photo_id = await bob.photographs(errand, "delivery")
        await bob.does("deliver", errand, photo_id=photo_id, status=409)
        await sweeps_run()
        assert await bob.earned() == await alice.got_back(errand) == 0

        # Dana reads what both say, and splits it.
        page = await dana.reads(errand)
        for words in ("케이크가 기울어져 있어요", "Escrow holds ₩11,000 now"):
            assert words in page
        await dana.decides(errand, 40, "사진에서 반쯤 기울어져 있어요")
        await until(phone, "errand.changed", state="completed")
    await sweeps_run()
    assert await bob.earned() == 4_000
    assert await alice.got_back(errand) == TOTAL - 4_000 - 400
    assert company.holds() == 4_400
    page = await dana.reads(errand)
    assert "40 %: 사진에서 반쯤 기울어져 있어요" in page
    assert "Escrow holds ₩0 now" in page
    last = (await alice.get(f"/errands/{errand['id']}/events"))["results"][-1]
    assert (last["move"], last["role"]) == ("resolve", "staff")
    await all_is_well()
