"""Robots on the whole running product: a quiet run, and one in which its parts are killed."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from tests.live.databases import own_database
from tests.live.product import Product, copy_of_the_checkout
from tests.live.robots import Robots, assert_good

pytestmark = [pytest.mark.live, pytest.mark.timeout(300)]
READY = "Stop with Ctrl-C."


@pytest.fixture(scope="module")
def variables() -> dict[str, str]:
    """The database of the run, where it is not the product's own default."""
    return own_database("robots")


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return copy_of_the_checkout(tmp_path_factory.mktemp("robots") / "checkout")


def test_robots_do_their_errands_and_everything_explains_itself(
    checkout: Path, variables: dict[str, str]
) -> None:
    with Product(checkout, variables=variables) as product:
        product.said(READY)
        with Robots(checkout, product, "--seed", "3") as robots:
            robots.ended()
        assert_good(robots)
        assert robots.summary["matched_percent"] >= 90
        assert robots.summary["positions"]["sent"] > 100
        assert robots.summary["seconds_to_match"]["p90"] is not None

        with Robots(checkout, product, "--seed", "3", "--errands", "0") as again:
            again.reach("assigned")
            assert again.stop() == 0
        assert again.summary["failed"] == [], again.told
        assert again.summary["posted"] > 0


def redis_of(product: Product) -> int:
    (pid,) = (pid for pid, command in product.children().items() if "redis-server" in command)
    return pid


def test_nobody_is_lost_when_the_worker_and_redis_are_killed(
    checkout: Path, variables: dict[str, str]
) -> None:
    with Product(checkout, variables=variables) as product:
        product.said(READY)
        with Robots(checkout, product, "--seed", "5") as robots:
            robots.reach("assigned|at_pickup|picked_up")
            os.kill(product.child("worker"), signal.SIGKILL)
            product.said("worker is started again")
            os.kill(redis_of(product), signal.SIGKILL)
            product.said("redis is started again")
            robots.ended()
        assert_good(robots)
        assert robots.summary["reconnects"] > 0
