"""What production loses now and then is taken from the running product, while robots use it.

MongoDB (once PostgreSQL), RabbitMQ and Redis are real. Every story ends with all errands over, no
message to a socket lost or doubled, and an audit that explains every errand and every won.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import NamedTuple

import pytest

from tests.live.gremlin import Gremlin
from tests.live.probe import GOOD, REFUSED, Probe
from tests.live.product import copy_of_the_checkout
from tests.live.robots import Robots, assert_good
from tests.live.stack import Stack
from tests.live.watcher import Watcher
from tests.services import MongoServer, PostgresServer, Service, wait_for

pytestmark = [pytest.mark.live, pytest.mark.once, pytest.mark.timeout(400)]

Tell = Callable[[str], None]
BUSY = "assigned|at_pickup|picked_up"
QUEUES = ("matching", "payments", "notifications", "housekeeping")
TOLD = 4_000  # characters, of a story that went wrong
OUTAGE_S, DATABASE_OUTAGE_S = 20.0, 10.0


@pytest.fixture(scope="module", params=[MongoServer, PostgresServer])
def stack(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Stack]:
    checkout = copy_of_the_checkout(tmp_path_factory.mktemp("faults") / "checkout")
    with Stack(checkout, request.param) as running:
        yield running


on_mongodb = pytest.mark.parametrize("stack", [MongoServer], indirect=True)


class Scene(NamedTuple):
    """Who is at work. What the robots have to say is known after the story."""

    robots: Robots
    probe: Probe


@contextmanager
def story(stack: Stack, tell: Tell, what: str, *, seed: int) -> Iterator[Scene]:
    """Robots and a probe at work; the body is the fault. Tell and check how it went."""
    with (
        Robots(stack.checkout, stack.product, "--seed", str(seed)) as robots,
        Probe(stack.product.url) as probe,
    ):
        robots.reach(BUSY)
        try:
            yield Scene(robots, probe)
        except (AssertionError, TimeoutError):
            tell(f"{what} · the robots had told:\n{robots.told[-TOLD:]}")
            raise
        robots.ended()
    audit, waited = robots.summary.get("audit"), robots.summary.get("seconds_to_match")
    tell(f"{what} · {type(stack.database).__name__}")
    tell(
        f"    answers {dict(probe.kinds)}; degraded {probe.degraded_s:.1f} s; longest wait for a"
        f" runner {waited and waited['longest']} s; reconnects {robots.summary.get('reconnects')}"
    )
    tell(f"    audit {audit}")
    assert_good(robots)


def outage(server: Service, seconds: float) -> None:
    server.kill()
    time.sleep(seconds)
    server.start()


@on_mongodb
def test_a_worker_is_killed_in_the_middle_of_its_tasks(stack: Stack, tell: Tell) -> None:
    assert isinstance(stack.database, MongoServer)
    with story(stack, tell, "all workers SIGKILLed in the middle of a commit", seed=11):
        with stack.database.slow_commits(seconds=8):
            wait_for(lambda: stack.unacknowledged() > 0, what="a task in progress")
            for queue in QUEUES:
                os.kill(stack.product.child(f"{queue}@%h"), signal.SIGKILL)
        for queue in QUEUES:
            stack.product.said(f"{queue} is started again")


@on_mongodb
def test_rabbitmq_is_gone_for_a_while(stack: Stack, tell: Tell) -> None:
    with story(stack, tell, f"RabbitMQ gone for {OUTAGE_S:.0f} s", seed=12) as scene:
        outage(stack.broker, OUTAGE_S)
    assert set(scene.probe.kinds) == {GOOD}  # nobody who only asks notices


@on_mongodb
def test_redis_comes_back_empty(stack: Stack, tell: Tell) -> None:
    with story(stack, tell, f"Redis gone for {OUTAGE_S:.0f} s, back empty", seed=13) as scene:
        stack.tie_a_knot()
        outage(stack.redis, OUTAGE_S)
        assert not stack.knot_is_there()
        # Phones come back by and by, and one that stands still reports every ten seconds.
        wait_for(lambda: stack.runners_on_the_map() >= 5, what="the map full again", seconds=60)
    assert set(scene.probe.kinds) <= {GOOD, REFUSED}


def test_the_database_is_gone_for_a_while(stack: Stack, tell: Tell) -> None:
    with (
        story(stack, tell, f"database gone for {DATABASE_OUTAGE_S:.0f} s", seed=14) as scene,
        Watcher(stack.product) as watcher,
    ):
        outage(stack.database, DATABASE_OUTAGE_S)
        assert watcher.is_well()  # the socket from before
    assert set(scene.probe.kinds) == {GOOD, REFUSED}


@on_mongodb
def test_the_sockets_process_is_restarted(stack: Stack, tell: Tell) -> None:
    with story(stack, tell, "sockets process restarted (SIGTERM)", seed=15) as scene:
        os.kill(stack.product.child("uvicorn"), signal.SIGTERM)
        stack.product.said("sockets is started again")
    closed = scene.robots.summary["errors"]["socket_closed_1012"]
    tell(f"    sockets closed with 1012: {closed}")
    assert closed >= 10  # each runner's at least, and each came back without a hole or a double
    assert set(scene.probe.kinds) == {GOOD}  # nobody who only asks notices


@on_mongodb
def test_the_web_process_is_restarted(stack: Stack, tell: Tell) -> None:
    with (
        story(stack, tell, "web process restarted (SIGTERM)", seed=17) as scene,
        Watcher(stack.product) as watcher,
    ):
        os.kill(stack.product.child("gunicorn"), signal.SIGTERM)
        stack.product.said("web is started again")
        assert watcher.is_well()  # no socket notices
    assert "socket_closed_1012" not in scene.robots.summary["errors"]
    # Nobody listens for a moment; what was asked before that is answered.
    assert set(scene.probe.kinds) <= {GOOD, "ConnectError"}


@on_mongodb
def test_every_task_comes_twice_and_in_another_order(stack: Stack, tell: Tell) -> None:
    with (
        story(stack, tell, "every task delivered twice, the second time late", seed=16),
        Gremlin(stack.broker.url, ("tasks",)) as gremlin,
    ):
        wait_for(lambda: gremlin.repeated > 50, what="many repeated tasks", seconds=120)
    tell(f"    tasks repeated {gremlin.repeated}")
