"""Runners whose phones are ten minutes ahead or behind do their errands as if nothing were."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.live.product import Product, copy_of_the_checkout
from tests.live.robots import Robots, assert_good

pytestmark = [pytest.mark.live, pytest.mark.once, pytest.mark.timeout(300)]

MINUTES = 10
OF_A_WRONG_CLOCK = ("future", "too_old", "out_of_order")


def test_ten_minutes_ahead_or_behind_make_no_difference(
    tmp_path: Path, tell: Callable[[str], None]
) -> None:
    checkout = copy_of_the_checkout(tmp_path / "checkout")
    with Product(checkout) as product:
        product.said("Stop with Ctrl-C.")
        with Robots(checkout, product, "--seed", "35", "--clock-skew", str(MINUTES)) as robots:
            robots.ended()
    assert_good(robots)
    positions, matched = robots.summary["positions"], robots.summary["matched_percent"]
    tell(f"phones {MINUTES} minutes ahead and behind: {positions}, {matched} % matched")
    tell(f"    audit {robots.summary['audit']}")
    assert matched >= 90
    assert positions["sent"] > 100
    assert positions["seen"] > 0
    off = sum(positions["refused"].get(reason, 0) for reason in OF_A_WRONG_CLOCK)
    assert off <= positions["sent"] / 20
